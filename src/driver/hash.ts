/** SHA-256 through the Web Cryptography API, which browsers and Node share. */

/** In lower-case hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  // Copied, since the API's types refuse what might be shared memory.
  const digest = await globalThis.crypto.subtle.digest("SHA-256", new Uint8Array(bytes));
  return hexadecimal(new Uint8Array(digest));
}

export const hexadecimal = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
