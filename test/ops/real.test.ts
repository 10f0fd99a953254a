/** The real meaning of operators, against values computed by hand or by the definition in other words. */
import { describe, expect, test } from "vitest";
import { run, type Given } from "./run-operator.ts";

const f32 = Math.fround;
const numbersFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);

describe("functions of one element", () => {
  const apply = (name: string, values: readonly number[]): number[] => {
    const type = `tensor<${values.length}xf32>`;
    return run(
      `%y = ${name.replace(" ", " %x ")}${name.includes(" ") ? "" : " %x"} : ${type}`,
      { "%x": type },
      [values],
    );
  };
  test.each<[string, number[], number[]]>([
    ["relu", [-1, 0, 2, Infinity], [0, 0, 2, Infinity]],
    ["clip {min = -1, max = 6}", [-2, 0.5, 7, NaN], [-1, 0.5, 6, NaN]],
    ["clip {max = 6}", [-Infinity, 7], [-Infinity, 6]],
    ["leaky_relu {alpha = 0.5}", [-3, 0, 3], [-1.5, 0, 3]],
    ["sigmoid", [0, -200, 200, 1], [0.5, f32(Math.exp(-200)), 1, f32(1 / (1 + Math.exp(-1)))]],
    ["tanh", [0, -100, 100, 0.5], [0, -1, 1, f32(0.46211715726000973)]],
    ["exp", [0, 1, -Infinity, 100], [1, f32(Math.E), 0, Infinity]],
    ["log", [1, f32(Math.E), 0, -1], [0, f32(Math.log(f32(Math.E))), -Infinity, NaN]],
    ["sqrt", [4, 2, 0, -1], [2, f32(Math.SQRT2), 0, NaN]],
    ["abs", [-1.5, 0, 2], [1.5, 0, 2]],
    ["neg", [-1.5, 2], [1.5, -2]],
    ["reciprocal", [4, -0.5, 3, 0], [0.25, -2, f32(1 / 3), Infinity]],
    ["erf", [0, 1, -10], [0, f32(0.8427007929497149), -1]],
    ["gelu", [0, 1, -1], [0, f32(0.8413447460685429), f32(-0.15865525393145705)]],
    ['gelu {approximate = "tanh"}', [0, 1, -1], [0, f32(0.8411919906082768), f32(-0.15880800939172324)]],
    ["silu", [0, 1, -1], [0, f32(0.7310585786300049), f32(-0.2689414213699951)]],
    ["hard_sigmoid", [-3, 0, 1, 3], [0, 0.5, f32(f32(f32(0.2) * 1) + 0.5), 1]],
    ["hard_swish", [-4, -3, 0, 3, 4], [-0, -0, 0, 3, 4]],
    ["elu {alpha = 2}", [3, 0, -1], [3, 0, f32(2 * Math.expm1(-1))]],
    ["softplus", [0, 100, -100], [f32(Math.LN2), 100, f32(Math.exp(-100))]],
    ["floor", [-1.5, 1.5, -0.25], [-2, 1, -1]],
    ["ceil", [-1.5, 1.5, 0.25], [-1, 2, 1]],
    ["round", [0.5, 1.5, 2.5, -0.5, -1.5, 1.4], [0, 2, 2, -0, -2, 1]],
    ["sign", [-3, 0, 5], [-1, 0, 1]],
  ])("%s", (name, values, expected) => {
    const found = apply(name, values);
    expect(found).toHaveLength(expected.length);
    found.forEach((y, i) => {
      // Math's functions may be off by a unit in the last place of f32 after rounding.
      if (Number.isFinite(expected[i]))
        expect(Math.abs(y - expected[i]!)).toBeLessThanOrEqual(Math.abs(expected[i]!) * 2 ** -23);
      else expect(y).toBe(expected[i]);
    });
  });
});

describe("functions of two elements", () => {
  const given: Given = { "%a": "tensor<2x1xf32>", "%b": "tensor<3xf32>" };
  const apply = (name: string): number[] =>
    run(`%y = ${name} %a, %b : tensor<2x3xf32>`, given, [
      [8, -4],
      [1, 2, -2],
    ]);
  test.each<[string, number[]]>([
    ["add", [9, 10, 6, -3, -2, -6]],
    ["sub", [7, 6, 10, -5, -6, -2]],
    ["mul", [8, 16, -16, -4, -8, 8]],
    ["div", [8, 4, -4, -4, -2, 2]],
    ["minimum", [1, 2, -2, -4, -4, -4]],
    ["maximum", [8, 8, 8, 1, 2, -2]],
    ["pow", [8, 64, 1 / 64, -4, 16, 1 / 16]],
  ])("%s broadcasts", (name, expected) => {
    expect(apply(name)).toEqual(expected);
  });
});

describe("windows", () => {
  test("conv2d pads, strides, dilates and adds its bias", () => {
    const given = { "%x": "tensor<1x3x3x1xf32>", "%w": "tensor<2x2x2x1xf32>", "%b": "tensor<2xf32>" };
    const operands = [numbersFrom(1, 9), [1, 0, 0, 0, 0, 0, 0, 1], [0, 100]];
    expect(run("%y = conv2d %x, %w, %b : tensor<1x2x2x2xf32>", given, operands)).toEqual([
      1, 105, 2, 106, 4, 108, 5, 109,
    ]);
    expect(
      run(
        "%y = conv2d %x, %w, %b {pads = [1, 1, 0, 0], strides = [2, 2]} : tensor<1x2x2x2xf32>",
        given,
        operands,
      ),
    ).toEqual([0, 101, 0, 103, 0, 107, 5, 109]);
    expect(run("%y = conv2d %x, %w, %b {dilations = [2, 2]} : tensor<1x1x1x2xf32>", given, operands)).toEqual(
      [1, 109],
    );
  });

  test("conv2d reads the channels of its group", () => {
    const line = (groups: number, type: string): string =>
      `%y = conv2d %x, %w {groups = ${groups}} : ${type}`;
    const x = { "%x": "tensor<1x1x1x4xf32>" };
    const input = [1, 10, 100, 1000];
    const ones = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
    expect(
      run(line(2, "tensor<1x1x1x4xf32>"), { ...x, "%w": "tensor<4x1x1x2xf32>" }, [input, ones(8)]),
    ).toEqual([21, 43, 6500, 8700]);
    expect(
      run(line(4, "tensor<1x1x1x4xf32>"), { ...x, "%w": "tensor<4x1x1x1xf32>" }, [input, ones(4)]),
    ).toEqual([1, 20, 300, 4000]);
    expect(
      run(line(4, "tensor<1x1x1x8xf32>"), { ...x, "%w": "tensor<8x1x1x1xf32>" }, [input, ones(8)]),
    ).toEqual([1, 2, 30, 40, 500, 600, 7000, 8000]);
  });

  test("max_pool never takes padding", () => {
    const line =
      "%y = max_pool %x {kernel = [2, 2], pads = [1, 1, 0, 0], strides = [2, 2]} : tensor<1x2x2x1xf32>";
    expect(run(line, { "%x": "tensor<1x3x3x1xf32>" }, [numbersFrom(-9, 9)])).toEqual([-9, -7, -3, -1]);
  });

  test("avg_pool counts cells inside, or all", () => {
    const line = (extra: string): string =>
      `%y = avg_pool %x {kernel = [2, 2], pads = [1, 1, 0, 0], strides = [2, 2]${extra}} : tensor<1x2x2x1xf32>`;
    const given = { "%x": "tensor<1x3x3x1xf32>" };
    expect(run(line(""), given, [numbersFrom(1, 9)])).toEqual([1, 2.5, 5.5, 7]);
    expect(run(line(", count_include_pad = true"), given, [numbersFrom(1, 9)])).toEqual([
      0.25, 1.25, 2.75, 7,
    ]);
  });
});

describe("sums and shapes", () => {
  const x23 = { "%x": "tensor<2x3xf32>" };
  const x = numbersFrom(1, 6);
  test.each<[string, Given, number[][], number[]]>([
    [
      "%y = linear %x, %w, %b : tensor<2x2xf32>",
      { ...x23, "%w": "tensor<2x3xf32>", "%b": "tensor<2xf32>" },
      [x, [1, 0, 0, 1, 1, 1], [0, 10]],
      [1, 16, 4, 25],
    ],
    [
      "%y = matmul %x, %w : tensor<2x2xf32>",
      { ...x23, "%w": "tensor<3x2xf32>" },
      [x, [1, 0, 0, 1, 0, 1]],
      [1, 5, 4, 11],
    ],
    ["%y = reduce_sum %x {axes = [0], keepdims = false} : tensor<3xf32>", x23, [x], [5, 7, 9]],
    ["%y = reduce_mean %x {axes = [-1]} : tensor<2x1xf32>", x23, [x], [2, 5]],
    ["%y = reduce_max %x {axes = [0, 1], keepdims = false} : tensor<f32>", x23, [x], [6]],
    ["%y = reshape %x {shape = [3, 2]} : tensor<3x2xf32>", x23, [x], x],
    ["%y = reshape %x {shape = [1, 6, 1]} : tensor<1x6x1xf32>", x23, [x], x],
    ["%y = transpose %x {permutation = [1, 0]} : tensor<3x2xf32>", x23, [x], [1, 4, 2, 5, 3, 6]],
    [
      "%y = concat %x, %z {axis = 1} : tensor<2x4xf32>",
      { ...x23, "%z": "tensor<2x1xf32>" },
      [x, [8, 9]],
      [1, 2, 3, 8, 4, 5, 6, 9],
    ],
    [
      "%y = slice %x {starts = [-1], ends = [-9], axes = [1], steps = [-2]} : tensor<2x2xf32>",
      x23,
      [x],
      [3, 1, 6, 4],
    ],
    [
      "%y = pad %x {before = [1, 0], after = [0, 1], value = 0.5} : tensor<3x4xf32>",
      x23,
      [x],
      [0.5, 0.5, 0.5, 0.5, 1, 2, 3, 0.5, 4, 5, 6, 0.5],
    ],
    [
      "%y = batch_norm %x, %s, %b, %m, %v {epsilon = 0} : tensor<2x3xf32>",
      { ...x23, "%s": "tensor<3xf32>", "%b": "tensor<3xf32>", "%m": "tensor<3xf32>", "%v": "tensor<3xf32>" },
      [x, [1, 2, 3], [0, 0, 1], [1, 1, 1], [1, 4, 9]],
      [0, 1, 3, 3, 4, 6],
    ],
  ])("%s", (line, given, operands, expected) => {
    expect(run(line, given, operands)).toEqual(expected);
  });

  test("softmax does not overflow and adds up to 1", () => {
    const y = run("%y = softmax %x : tensor<2x3xf32>", x23, [
      [1000, 1000, -1000, 0, Math.LN2, f32(Math.log(5))],
    ]);
    [0.5, 0.5, 0, 0.125, 0.25, 0.625].forEach((p, i) => {
      expect(y[i]).toBeCloseTo(p, 6);
    });
  });
});

describe("the boundary between reals and stored integers", () => {
  test("quantize rounds halves away from zero, saturates, and sends NaN to zero", () => {
    const values = [0.25, -0.25, 0.2, -0.75, 100, -100, NaN, Infinity, 0.24999999];
    const line = `%y = quantize %x : tensor<${values.length}xi8, 0.5:-3>`;
    expect(run(line, { "%x": `tensor<${values.length}xf32>` }, [values])).toEqual([
      -2, -4, -3, -5, 127, -128, -3, 127, -3,
    ]);
  });

  test("quantize takes each slice's scale and zero", () => {
    const line = "%y = quantize %x : tensor<2x2xi8, {0.5, 2}:{1, -1} @1>";
    expect(run(line, { "%x": "tensor<2x2xf32>" }, [[3, 3, -3, -3]])).toEqual([7, 1, -5, -3]);
  });

  test("dequantize is exact for small scales' powers of two, per slice", () => {
    const line = "%y = dequantize %x : tensor<2x2xf32>";
    expect(run(line, { "%x": "tensor<2x2xu8, {0.5, 2}:{128, 0} @0>" }, [[0, 255, 1, 3]])).toEqual([
      -64, 63.5, 2, 6,
    ]);
  });

  test("lookup indexes from the lowest integer", () => {
    const table = numbersFrom(0, 256).map((i) => 255 - i);
    const line = `%y = lookup %x {table = dense<[${table.join(", ")}]> : tensor<256xu8>} : tensor<3xu8, 1:0>`;
    expect(run(line, { "%x": "tensor<3xi8, 1:0>" }, [[-128, 0, 127]])).toEqual([255, 127, 0]);
    expect(run(line, { "%x": "tensor<3xu8, 1:0>" }, [[0, 128, 255]])).toEqual([255, 127, 0]);
  });

  test("requantize rounds half up at constructed ties, below and above zero", () => {
    // 1/4: ties at 2 mod 4. The clamp is in stored integers, the zero point added after it.
    const line =
      "%y = requantize %acc {multiplier = [1073741824], shift = [32], clamp = [-100, 100]} : tensor<8xi8, 1:-3>";
    const acc = [2, -2, 6, -6, 1, -1, 1000, -1000];
    const expected = [-2, -3, -1, -4, -3, -3, 100, -100];
    expect(run(line, { "%acc": "tensor<8xi32, 0.25:0>" }, [acc])).toEqual(expected);
    expect(run(line, { "%acc": "tensor<8xi32, 0.25:0>" }, [acc], { expressionsOnly: true })).toEqual(
      expected,
    );
  });

  test("requantize keeps all bits of the 64-bit product", () => {
    // (s - 1)(s + 1) = 9 * 2^58 - 1 lies one below a tie; rounded to a double it would be the tie, and round up to 5.
    const s = 3 * 2 ** 29;
    const line = `%y = requantize %acc {multiplier = [${s + 1}], shift = [59], clamp = [-128, 127]} : tensor<2xi8, 1:0>`;
    for (const options of [{}, { expressionsOnly: true }])
      expect(
        run(line, { "%acc": `tensor<2xi32, ${(s + 1) / 2 ** 59}:0>` }, [[s - 1, 1 - s]], options),
      ).toEqual([4, -4]);
  });

  test("rescaled_add rounds half up and adds the zero point last", () => {
    const line =
      "%y = rescaled_add %a, %b {multipliers = [512, 256], shift = 10, clamp = [-128, 127]} : tensor<4xi8, 1:5>";
    const given = { "%a": "tensor<4xi8, 0.5:1>", "%b": "tensor<4xi8, 0.25:0>" };
    const operands = [
      [2, 0, 127, -128],
      [0, 0, 127, -128],
    ];
    for (const options of [{}, { expressionsOnly: true }])
      expect(run(line, given, operands, options)).toEqual([6, 5, 100, -91]);
  });
});
