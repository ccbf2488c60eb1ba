/** The engine of the Jest project that runs; only the projects sqlite, mariadb and postgres have it. */
declare const DATABASE_ENGINE: 'sqlite' | 'mariadb' | 'postgres';
