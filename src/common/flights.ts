interface Flight<T> {
  readonly landing: Promise<T>;
  readonly cancel: AbortController;
  waiting: number;
}

/** Work that several callers want at once: done once for all of them, and cancelled when the last has gone. */
export class Flights<T> {
  private readonly flights = new Map<string, Flight<T>>();

  /**
   * Runs `work` once for all who ask by the same key meanwhile; `isStarter` for the caller who caused that.
   * @throws what `work` throws; the reason of `caller` as soon as that one is aborted
   */
  async join(
    key: string,
    work: (signal: AbortSignal) => Promise<T>,
    caller?: AbortSignal,
  ): Promise<{ result: T; isStarter: boolean }> {
    caller?.throwIfAborted();
    const running = this.flights.get(key);
    const flight = running ?? this.depart(key, work);
    flight.waiting += 1;
    try {
      const result = await orGone(flight.landing, caller);
      return { result, isStarter: running === undefined };
    } finally {
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        // Whoever asks from now on must not join what is being cancelled.
        this.forget(key, flight);
        flight.cancel.abort(caller?.reason);
      }
    }
  }

  /** Whether there is work to join under this key. */
  has(key: string): boolean {
    return this.flights.has(key);
  }

  private depart(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const cancel = new AbortController();
    const flight = { landing: work(cancel.signal), cancel, waiting: 0 };
    this.flights.set(key, flight);
    return flight;
  }

  private forget(key: string, flight: Flight<T>): void {
    if (this.flights.get(key) === flight) this.flights.delete(key);
  }
}

function orGone<T>(landing: Promise<T>, caller: AbortSignal | undefined): Promise<T> {
  if (caller === undefined) return landing;
  return new Promise((resolve, reject) => {
    const leave = () => {
      reject(caller.reason as Error);
    };
    const stay = () => {
      caller.removeEventListener('abort', leave);
    };
    caller.addEventListener('abort', leave);
    landing.then(resolve, reject).finally(stay);
  });
}
