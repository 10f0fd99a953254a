/**
 * The only randomness a pass has: seeded, the same on every machine. `sfc32` (Chris Doty-Humphrey's Small Fast Counting
 * generator, PractRand) passes the statistical batteries and needs nothing beyond 32-bit integer arithmetic.
 */
export interface Random {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** A uniform integer in [0, below). */
  integer(below: number): number;
}

export function createRandom(seed: number): Random {
  let a = 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    c |= 0;
    return result >>> 0;
  };
  // Similar seeds give similar first numbers: the author recommends to drop the first 12.
  for (let i = 0; i < 12; i++) next();
  return {
    uniform: () => next() / 2 ** 32,
    integer(below) {
      // The highest multiple of `below` bounds what is taken, so that no remainder is likelier than another.
      const limit = 2 ** 32 - (2 ** 32 % below);
      let draw = next();
      while (draw >= limit) draw = next();
      return draw % below;
    },
  };
}
