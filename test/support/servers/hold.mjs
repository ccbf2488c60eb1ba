/** Starts the servers named as arguments, prints them as JSON, and holds them until it is ended. */
import { startServers } from './servers.mjs';

const { servers } = await startServers(process.argv.slice(2));
console.log(JSON.stringify(servers));
