/** What slides over planes reads and writes: NCHW of our NHWC, OIHW of our OHWI. */
export const channelsFirst: readonly number[] = [0, 3, 1, 2];
