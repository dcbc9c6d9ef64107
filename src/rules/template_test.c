/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates: what goes in and what comes out, each a line.
 */
#include "rules/template.h"
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static const struct label some_labels[] = {
	{ STR_INIT("instance"), STR_INIT("web1.example.com:9100") },
	{ STR_INIT("job"), STR_INIT("node exporter") },
};

static enum err two_samples(void *ctx, struct arena *a, struct str query,
    const struct template_sample **ret, size_t *ret_count, struct str *ret_why)
{
	(void)ctx;
	if (str_eq(query, STR("none"))) {
		*ret_count = 0;
		return OK;
	}
	if (!str_eq(query, STR("up"))) {
		*ret_why = STR("no such query");
		return ERR_INPUT;
	}
	static const struct label l[2][1] = { { { STR_INIT("x"), STR_INIT("b") } },
		{ { STR_INIT("x"), STR_INIT("a") } } };
	struct template_sample *list = arena_new(a, struct template_sample, 2);
	assert_non_null(list);
	list[0] = (struct template_sample){ { l[0], 1 }, 1 };
	list[1] = (struct template_sample){ { l[1], 1 }, 2.5 };
	*ret = list;
	*ret_count = 2;
	return OK;
}

static void expands(double value, const char *text, const char *want)
{
	struct arena *a = NULL;
	struct buf b = buf_make(&mem_system, TEMPLATE_OUT_MAX);
	struct str why = { "", 0 };
	assert_int_equal(arena_open(&mem_system, 1u << 22, &a), OK);
	struct template_data d = { .labels = { some_labels, 2 },
		.value = value,
		.external_url = STR("http://q/"),
		.query = two_samples };
	enum err e = template_expand(a, str_c(text), &d, &b, &why);
	char got[1024];
	if (e == OK)
		snprintf(got, sizeof(got), "%s", b.ptr ? b.ptr : "");
	else
		snprintf(got, sizeof(got), "! %.*s", STR_ARG(why));
	if (strcmp(got, want) != 0)
		fail_msg("%s\n  gave %s\n  want %s", text, got, want);
	buf_free(&b);
	arena_close(&a);
}

static void plain(void **state)
{
	(void)state;
	expands(1, "no template", "no template");
	expands(1, "", "");
	expands(1, "{{ $labels.job }} is at {{ $value }}", "node exporter is at 1");
	expands(0.25, "{{.Labels.job}} {{.Value}}", "node exporter 0.25");
	expands(0.00001234, "{{ $value }}", "1.234e-05");
	expands(1e21, "{{ $value }}", "1e+21");
	expands(1, "[{{ $labels.nope }}]", "[]");
	expands(1, "a {{- \" b\" -}}   c", "a bc");
	expands(1, "{{/* a comment */}}x", "x");
	expands(1, "{{ $externalURL }}{{ externalURL }}", "http://q/http://q/");
	expands(1, "{{ $labels }}", "map[instance:web1.example.com:9100 job:node exporter]");
	expands(1, "{{ \"a\\\"}}b\" }}{{ `\\n` }}", "a\"}}b\\n");
}

static void numbers(void **state)
{
	(void)state;
	expands(0, "{{ humanize $value }}", "0");
	expands(1234567, "{{ $value | humanize }}", "1.235M");
	expands(0.00021, "{{ $value | humanize }}", "210u");
	expands(-1500, "{{ $value | humanize }}", "-1.5k");
	expands(INFINITY, "{{ $value | humanize }}", "+Inf");
	expands(1048576, "{{ $value | humanize1024 }}", "1Mi");
	expands(0.5, "{{ $value | humanizePercentage }}", "50%");
	expands(0, "{{ $value | humanizeDuration }}", "0s");
	expands(0.0012, "{{ $value | humanizeDuration }}", "1.2ms");
	expands(12.345678, "{{ $value | humanizeDuration }}", "12.35s");
	expands(3661, "{{ $value | humanizeDuration }}", "1h 1m 1s");
	expands(-90061, "{{ $value | humanizeDuration }}", "-1d 1h 1m 1s");
	expands(1435065584.128, "{{ $value | humanizeTimestamp }}",
	    "2015-06-23 13:19:44.128 +0000 UTC");
	expands(12.3456,
	    "{{ printf \"%.2f|%5.1f|%d|%s|%q|%v|%%\" $value $value $value \"a\" \"b\" $value }}",
	    "12.35| 12.3|12|a|\"b\"|12.3456|%");
	expands(1, "{{ parseDuration \"1h30m\" }}", "5400");
}

static void texts(void **state)
{
	(void)state;
	expands(1, "{{ $labels.job | toUpper }} {{ title $labels.job }} {{ \"ABC\" | toLower }}",
	    "NODE EXPORTER Node Exporter abc");
	expands(1, "{{ stripPort $labels.instance }} {{ $labels.instance | stripDomain }}",
	    "web1.example.com web1:9100");
	expands(1,
	    "{{ stripPort \"[::1]:9\" }} {{ stripPort \"no\" }} {{ stripDomain \"10.0.0.1:9\" }}",
	    "::1 no 10.0.0.1:9");
	expands(1, "{{ match \"web[0-9]\" $labels.instance }} {{ match \"^x\" $labels.instance }}",
	    "true false");
	expands(1, "{{ reReplaceAll \"([a-z]+)[.]\" \"<$1>\" $labels.instance }}",
	    "web1.<example>com:9100");
	expands(1, "{{ $x := $labels.job }}{{ $x }}{{ len $x }}", "node exporter13");
}

static void blocks(void **state)
{
	(void)state;
	expands(5, "{{ if gt $value 3.0 }}high{{ else }}low{{ end }}", "high");
	expands(2,
	    "{{ if gt $value 3.0 }}high{{ else if eq $value 2.0 }}two{{ else }}low{{ end }}!",
	    "two!");
	expands(2, "{{ if and (eq $labels.job \"x\") true }}a{{ end }}b", "b");
	expands(2, "{{ if or false $labels.job }}a{{ end }}{{ if not true }}b{{ end }}", "a");
	expands(2,
	    "{{ with $labels.job }}<{{ . }}>{{ end }}{{ with $labels.no }}x{{ else }}none{{ end }}",
	    "<node exporter>none");
	expands(2, "{{ range query \"up\" }}{{ .Labels.x }}={{ .Value }} {{ end }}", "b=1 a=2.5 ");
	expands(2,
	    "{{ range $i, $s := sortByLabel \"x\" (query \"up\") }}{{ $i }}{{ label \"x\" $s }}{{ "
	    "$s | value }};{{ end }}",
	    "0a2.5;1b1;");
	expands(2, "{{ range query \"none\" }}x{{ else }}empty{{ end }}", "empty");
	expands(2, "{{ query \"up\" | first | value | humanize }}", "1");
	expands(2,
	    "{{ range query \"up\" }}{{ if eq .Value 1.0 }}one{{ else }}more{{ end }}{{ end }}",
	    "onemore");
	expands(2, "{{ if false }}{{ nonsense here }}{{ range }}{{ end }}{{ end }}ok", "ok");
}

static void faults(void **state)
{
	(void)state;
	expands(1, "{{ $value", "! unclosed action");
	expands(1, "{{ nope }}", "! function \"nope\" not defined");
	expands(1, "{{ $nope }}", "! undefined variable \"$nope\"");
	expands(1, "{{ humanize }}", "! wrong number of args for humanize: got 0");
	expands(1, "{{ humanize $labels.job }}", "! a number is wanted");
	expands(1, "{{ if true }}x", "! unexpected {{else}} or end of text");
	expands(1, "{{ end }}", "! unexpected {{end}}");
	expands(1, "{{ query \"bad\" }}", "! query failed: no such query");
	expands(1, "{{ query \"none\" | first }}", "! first() called on vector with no elements");
	expands(1, "{{ \"open }}", "! unclosed action");
	expands(1, "{{ .Foo }}", "! can't evaluate field Foo");
	expands(1, "{{ ((((((((((((((((((1)))))))))))))))))) }}", "! nested too deeply");
	expands(1, "{{ 1 2 }}", "! can't give argument to non-function");
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(blocks),
		cmocka_unit_test(faults),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
