/** Matches IAM's wildcards: `*` stands for any run of characters, `?` for exactly one. Case matters. */
export function matchesGlob(pattern: string, text: string): boolean {
  let patternAt = 0;
  let textAt = 0;
  let starAt = -1;
  let retryAt = 0;
  while (textAt < text.length) {
    if (pattern[patternAt] === "*") {
      starAt = patternAt++;
      retryAt = textAt;
    } else if (pattern[patternAt] === "?" || pattern[patternAt] === text[textAt]) {
      patternAt++;
      textAt++;
    } else if (starAt >= 0) {
      patternAt = starAt + 1;
      textAt = ++retryAt;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === "*") patternAt++;
  return patternAt === pattern.length;
}

/** Whether some text matches both patterns. */
export function globsOverlap(left: string, right: string): boolean {
  const seen = new Map<number, boolean>();
  const overlapFrom = (leftAt: number, rightAt: number): boolean => {
    const key = leftAt * (right.length + 1) + rightAt;
    const known = seen.get(key);
    if (known !== undefined) return known;
    const result = step(leftAt, rightAt);
    seen.set(key, result);
    return result;
  };
  const step = (leftAt: number, rightAt: number): boolean => {
    const l = left[leftAt];
    const r = right[rightAt];
    if (l === "*") {
      return overlapFrom(leftAt + 1, rightAt) || (r !== undefined && overlapFrom(leftAt, rightAt + 1));
    }
    if (r === "*") {
      return overlapFrom(leftAt, rightAt + 1) || (l !== undefined && overlapFrom(leftAt + 1, rightAt));
    }
    if (l === undefined || r === undefined) return l === r;
    return (l === "?" || r === "?" || l === r) && overlapFrom(leftAt + 1, rightAt + 1);
  };
  return overlapFrom(0, 0);
}
