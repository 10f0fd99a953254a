/**
 * Whose rounding a stored graph computes with (docs/arithmetic.md, "Rounding profiles"). A profile is chosen once, where integers are
 * made; what it decided stands in the graph, as attributes and multipliers of its operations, and nothing after asks for it.
 */
export const roundingProfiles = ["default", "tflite-double", "tflite-single"] as const;

export type RoundingProfile = (typeof roundingProfiles)[number];

/** How often an accumulator is rounded on its way to fewer bits. */
export const roundings = ["once", "twice"] as const;

export type Rounding = (typeof roundings)[number];

/** TensorFlow Lite's kernels as built by default, and its single-rounding build. */
export const roundingOf = (profile: RoundingProfile): Rounding =>
  profile === "tflite-double" ? "twice" : "once";
