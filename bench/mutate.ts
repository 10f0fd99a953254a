/**
 * Damaged files for the readers: from a sound file and a seed always the same damage. Kinds, in turn:
 *
 *     cut        the file ends somewhere
 *     flip       up to 16 bits are others
 *     byte       up to 8 bytes are others, extremes preferred (0, 1, 0x7f, 0x80, 0xff)
 *     word       a 32-bit word is another: a length, a distance, a count; extremes and small steps preferred
 *     copy       a part of the file stands where another was
 *     insert     a part is there twice, and all behind it moves
 *     remove     a part is gone, and all behind it moves
 */
import { createRandom } from "../src/pass/random.ts";

type Random = ReturnType<typeof createRandom>;

const extremeBytes = [0, 1, 0x7f, 0x80, 0xff];
const extremeWords = [0, 1, 2, 0x7f, 0x80, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

export function mutate(sound: Uint8Array, seed: number): Uint8Array {
  const random = createRandom(seed);
  const kind = kinds[seed % kinds.length]!;
  return kind(sound, random);
}

const kinds: readonly ((sound: Uint8Array, random: Random) => Uint8Array)[] = [
  (sound, random) => sound.slice(0, random.integer(sound.length)),
  (sound, random) =>
    changed(sound, 1 + random.integer(16), (bytes) => {
      const at = random.integer(bytes.length);
      bytes[at] = bytes[at]! ^ (1 << random.integer(8));
    }),
  (sound, random) =>
    changed(sound, 1 + random.integer(8), (bytes) => {
      bytes[random.integer(bytes.length)] =
        random.integer(2) === 0 ? extremeBytes[random.integer(5)]! : random.integer(256);
    }),
  (sound, random) =>
    changed(sound, 1 + random.integer(3), (bytes) => {
      const view = new DataView(bytes.buffer);
      const at = random.integer(bytes.length - 3);
      const near = (view.getUint32(at, true) + random.integer(9) - 4) >>> 0;
      const word = random.integer(2) === 0 ? extremeWords[random.integer(extremeWords.length)]! : near;
      view.setUint32(at, word, true);
    }),
  (sound, random) => {
    const [from, length] = part(sound, random);
    return changed(sound, 1, (bytes) => {
      bytes.copyWithin(random.integer(bytes.length), from, from + length);
    });
  },
  (sound, random) => {
    const [from, length] = part(sound, random);
    return joined(sound.subarray(0, from + length), sound.subarray(from));
  },
  (sound, random) => {
    const [from, length] = part(sound, random);
    return joined(sound.subarray(0, from), sound.subarray(from + length));
  },
];

function changed(sound: Uint8Array, times: number, change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = sound.slice();
  for (let i = 0; i < times; i++) change(bytes);
  return bytes;
}

/** Short ones and long ones are as likely. */
function part({ length }: Uint8Array, random: Random): [from: number, length: number] {
  const longest = 2 ** random.integer(Math.ceil(Math.log2(length)));
  const from = random.integer(length);
  return [from, Math.min(1 + random.integer(longest), length - from)];
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
