// SPDX-License-Identifier: MIT
/*
 * fuzz_harness_gate.c - any text as the reference of the regression gate is refused with a reason,
 * or gives gates that can be judged
 *
 * Links: harness/bench/gate.c harness/bench/series.c harness/bench/scenario.c
 */
#include <string.h>

#include "harness/bench/gate.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bench_gates gates;
	static const struct bench_series none;
	struct lab_error error = {""};
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (bench_gates_parse(&gates, text, "quick", &error)) {
		MUST(*error.text);
		gates.n = 0;
	}
	MUST(gates.n <= BENCH_MAX_GATES);
	for (unsigned i = 0; i < gates.n; i++) {
		const struct bench_gate *gate = &gates.gates[i];
		double ratio;

		MUST(gate->tolerance >= 0 && gate->tolerance <= 1);
		MUST(bench_gate_judge(gate, &none, &none, &ratio) == BENCH_UNKNOWN);
	}
	free(text);
	return 0;
}
