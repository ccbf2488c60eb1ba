import { mayCall } from './jwt-provider-address';

const INSIDE = [
  ...['127.0.0.1', '127.255.255.254', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1'],
  ...['198.18.0.1', '192.0.2.1', '203.0.113.7', '::1', '[::1]', 'fc00::1', 'fd12:3456::1', '2001:db8::1'],
  ...['64:ff9b::7f00:1', '2002:7f00:1::', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::127.0.0.1'],
]; // prettier-ignore
const NOWHERE = [
  ...['0.0.0.0', '0.1.2.3', '169.254.169.254', '224.0.0.1', '255.255.255.255', '::', 'fe80::1', 'fe80::1%eth0'],
  ...['ff02::1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe'],
]; // prettier-ignore
const OUTSIDE = [
  '93.184.215.14',
  '8.8.8.8',
  '172.32.0.1',
  '2606:4700::1111',
  '[2a00:1450::1]',
  '::ffff:8.8.8.8',
];

it.each(OUTSIDE)('%s may be called', (address) => {
  expect([mayCall(address, 'operator'), mayCall(address, 'provider')]).toEqual([true, true]);
});

it.each(INSIDE)('%s may be called where the operator says so', (address) => {
  expect([mayCall(address, 'operator'), mayCall(address, 'provider')]).toEqual([true, false]);
});

it.each(NOWHERE)('%s may never be called', (address) => {
  expect([mayCall(address, 'operator'), mayCall(address, 'provider')]).toEqual([false, false]);
});
