/** The version that reports name: package.json's (a test compares them), here because a browser has no package.json. */
export const version = "0.1.0";
