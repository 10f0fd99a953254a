/*
 * How a program calls the compiled network: the network's memory is one static array, its function takes bytes and gives bytes.
 * Reads digits of 28 x 28 bytes (0 is paper, 255 is ink) from standard input and writes ten scores for each, -128 to 127.
 *
 *     cc -O2 main.c digits.c -o digits
 */
#include <stdio.h>

#include "digits.h"

#if DIGITS_ARENA_ALIGN_BYTES > 4
#error "digits.h asks for a better aligned arena"
#endif

static int32_t arena[(DIGITS_ARENA_BYTES + 3) / 4];

int main(void) {
    static uint8_t image[DIGITS_INPUT_ELEMENTS];
    int8_t *input = digits_input(arena);
    int8_t *output = digits_output(arena);

    while (fread(image, 1, sizeof image, stdin) == sizeof image) {
        for (int i = 0; i < DIGITS_INPUT_ELEMENTS; i++) input[i] = (int8_t)(image[i] + DIGITS_INPUT_ZERO_POINT);
        digits_run(input, output, arena);
        fwrite(output, 1, DIGITS_OUTPUT_ELEMENTS, stdout);
    }
    return 0;
}
