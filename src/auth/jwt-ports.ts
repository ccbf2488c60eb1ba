/** The time of day in milliseconds. */
export type JwtClock = () => number;
export const JWT_CLOCK = Symbol('JWT_CLOCK');
