import { FaultGate } from './fault-gate';

function gateWithClock() {
  const clock = { ms: 1_000_000 };
  return { clock, gate: new FaultGate(() => clock.ms) };
}

describe('FaultGate', () => {
  it('lets all through while there is no fault', () => {
    expect(gateWithClock().gate.admit()).toBeNull();
  });

  it('lets one call a minute through while there is one', () => {
    const { gate, clock } = gateWithClock();
    gate.met('api', 'lapsed', clock.ms);
    for (let minute = 0; minute < 3; minute += 1) {
      expect(gate.admit()).toMatchObject({ message: 'lapsed' });
      clock.ms += 59_999;
      expect(gate.admit()).not.toBeNull();
      clock.ms += 1;
      expect(gate.admit()).toBeNull();
    }
  });

  it('tells a fault once, and since when it stands', () => {
    const { gate, clock } = gateWithClock();
    expect(gate.met('api', 'lapsed', clock.ms)).toBe(true);
    clock.ms += 5000;
    expect(gate.met('api', 'lapsed', clock.ms)).toBe(false);
    expect(gate.fault?.sinceMs).toBe(1_000_000);
    expect(gate.met('accounts', 'wrong secret', clock.ms)).toBe(true);
    expect(gate.fault?.sinceMs).toBe(1_005_000);
  });

  it('ends by a good call to the host that it is about', () => {
    const { gate, clock } = gateWithClock();
    gate.met('api', 'lapsed', clock.ms);
    expect(gate.passed('accounts')).toBeNull();
    expect(gate.passed('api')).toMatchObject({ message: 'lapsed' });
    expect(gate.fault).toBeNull();
    expect(gate.admit()).toBeNull();
    expect(gate.passed('api')).toBeNull();
  });
});
