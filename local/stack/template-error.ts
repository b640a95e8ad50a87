/** The template cannot be run here, or could not be deployed either. The message begins with the place in the template. */
export class TemplateError extends Error {
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = "TemplateError";
    this.path = path;
  }
}
