import { RetryBudget } from './retry-budget';

/** How many tries there are when each call wants as many as it can get. */
function triesOf(budget: RetryBudget, calls: number): number {
  let tries = 0;
  for (let call = 0; call < calls; call += 1) {
    budget.payIn();
    while (budget.take()) tries += 1;
  }
  return tries;
}

describe('RetryBudget', () => {
  it('has two tries at the start', () => {
    expect(triesOf(new RetryBudget(), 1)).toBe(2);
  });

  it('has a fifth of the calls from then on', () => {
    const budget = new RetryBudget();
    triesOf(budget, 5);
    expect(triesOf(budget, 1000)).toBe(200);
  });

  it('saves no more than ten', () => {
    const budget = new RetryBudget();
    for (let call = 0; call < 1000; call += 1) budget.payIn();
    expect(triesOf(budget, 1)).toBe(10);
  });
});
