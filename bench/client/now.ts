/** Epoch milliseconds with fractions: comparable between processes of one machine, as `performance.now()` is not. */
export const now = () => performance.timeOrigin + performance.now();
