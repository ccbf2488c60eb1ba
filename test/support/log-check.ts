/** What the log writes for its levels. */
const LEVELS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const LONGEST_LINE = 20_000;
/** API tokens, JWTs, and the header that carries them, whoever's they are. */
const SECRET_FORMS =
  /\bdwx_[0-9A-Za-z]{9,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\bBearer [\w.~+/-]{8,}|"authorization":/i;

const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;
/** A shorter one is found by chance. */
const SHORTEST_SECRET = 12;
/** Of credentials that callers sent: a leak is written about when they are used. */
const CREDENTIALS_KEPT = 64;
const FAULTS_SHOWN = 5;

/** Holds log lines, as they are written, to what the log promises: one JSON object a line with level, time and message, and no secret. */
export class LogCheck {
  private readonly secrets = new Set<string>();
  private readonly credentials: string[] = [];
  private readonly faults: string[] = [];
  private faultCount = 0;
  private lineCount = 0;

  /** Takes the values of settings that are secret, and passwords in addresses. */
  learnSettings(environment: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(environment)) {
      if (/SECRET|TOKEN|PASSWORD|LICENSE_KEY/.test(name)) this.learnSecret(value);
      const [, password] = /^[\w+]+:\/\/[^/@]*:([^/@]*)@/.exec(value) ?? [];
      if (password !== undefined) this.learnSecret(password);
    }
  }

  /** Takes the value of an `Authorization` header that a caller sends. */
  learnCredentials(authorization: string): void {
    const credentials = authorization.replace(/^\w+ +/, '').trim();
    if (credentials.length < SHORTEST_SECRET || this.credentials.includes(credentials)) return;
    this.credentials.push(credentials);
    if (this.credentials.length > CREDENTIALS_KEPT) this.credentials.shift();
  }

  /** @param line as it is written, with its line feed */
  write(line: string): void {
    this.lineCount += 1;
    const fault = line.endsWith('\n') ? this.faultOf(line.slice(0, -1)) : 'no line feed at its end';
    if (fault === null) return;
    this.faultCount += 1;
    if (this.faults.length < FAULTS_SHOWN) this.faults.push(`${fault}: ${line.slice(0, 1_000).trimEnd()}`);
  }

  /**
   * @returns how many lines were seen
   * @throws Error where one was not as it should be
   */
  assertGood(): number {
    if (this.faultCount > 0)
      throw new Error(
        `${this.faultCount} lines of the log are not as they should be:\n${this.faults.join('\n')}`,
      );
    return this.lineCount;
  }

  private learnSecret(secret: string): void {
    if (secret.length >= SHORTEST_SECRET) this.secrets.add(secret);
  }

  private faultOf(line: string): string | null {
    if (CONTROLS.test(line)) return 'a control character';
    if (line.length > LONGEST_LINE) return `longer than ${LONGEST_LINE} characters`;
    if (SECRET_FORMS.test(line)) return 'a token, or the header that carries one';
    for (const secret of this.secrets) if (line.includes(secret)) return 'a secret';
    for (const credentials of this.credentials)
      if (line.includes(credentials)) return 'what a caller sent as Authorization';
    let event: unknown;
    try {
      event = JSON.parse(line);
    } catch {
      return 'no JSON';
    }
    if (typeof event !== 'object' || event === null || Array.isArray(event)) return 'no JSON object';
    const { level, time, msg } = event as Record<string, unknown>;
    if (typeof level !== 'string' || !LEVELS.has(level)) return 'no level';
    if (typeof time !== 'string' || !MOMENT.test(time)) return 'no time';
    return typeof msg === 'string' ? null : 'no message';
  }
}
