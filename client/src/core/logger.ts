/**
 * Where Keyturn logs: the order of pino's arguments, so a pino logger fits as it is. The message is a fixed
 * sentence, the data are in the fields. No field ever holds a secret or a connection string.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const silent = () => undefined;

/** What is used where no logger is given: warnings and errors on stderr, nothing else. */
export const warningsOnly: Logger = {
  debug: silent,
  info: silent,
  warn: (fields, message) => console.warn(`keyturn: ${message}`, fields),
  error: (fields, message) => console.error(`keyturn: ${message}`, fields),
};
