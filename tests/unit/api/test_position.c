#include <string.h>

#include <signalbox/error.h>

#include "api/position.h"
#include "check.h"

static const struct position there = {
	.from_ns = -5,
	.to_ns = INT64_MAX,
	.device_no = 7,
	.series_no = UINT32_MAX,
	.inside = true,
	.ts_ns = INT64_MIN,
	.skip = 3,
	.given = 1000000,
};

static void a_cursor_brings_everything_back(void **state)
{
	char text[POSITION_TEXT];
	struct position back;
	(void)state;
	position_give(text, &there, 42);
	assert_int_equal(position_take(&back, sb_str_of(text, strlen(text)), 42), 0);
	assert_true(back.inside);
	assert_int_equal(back.from_ns, there.from_ns);
	assert_int_equal(back.to_ns, there.to_ns);
	assert_int_equal(back.device_no, there.device_no);
	assert_int_equal(back.series_no, there.series_no);
	assert_int_equal(back.ts_ns, there.ts_ns);
	assert_int_equal(back.skip, there.skip);
	assert_int_equal(back.given, there.given);
}

static void a_cursor_of_another_question_is_told_apart(void **state)
{
	char text[POSITION_TEXT];
	struct position back;
	(void)state;
	position_give(text, &there, 42);
	assert_int_equal(position_take(&back, sb_str_of(text, strlen(text)), 43), SB_E_CONFLICT);
}

static void no_character_of_a_cursor_can_be_changed(void **state)
{
	char text[POSITION_TEXT];
	struct position back;
	(void)state;
	position_give(text, &there, 42);
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++) {
		char was = text[i];
		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(position_take(&back, sb_str_of(text, n), 42), SB_E_MALFORMED);
		text[i] = was;
		assert_int_equal(position_take(&back, sb_str_of(text, i), 42), SB_E_MALFORMED);
	}
	assert_int_equal(position_take(&back, sb_str_of(text, n), 42), 0);
}

static void a_question_is_its_parameters_but_cursor_and_page(void **state)
{
	(void)state;
	json_t *a = json_pack("{s:s, s:i, s:i}", "query", "x", "from", 1, "page", 9);
	json_t *b = json_pack("{s:i, s:s, s:s}", "from", 1, "query", "x", "cursor", "abc");
	json_t *c = json_pack("{s:i, s:s}", "from", 2, "query", "x");
	assert_true(position_question(a) == position_question(b));
	assert_true(position_question(a) != position_question(c));
	json_decref(a);
	json_decref(b);
	json_decref(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_brings_everything_back),
		cmocka_unit_test(a_cursor_of_another_question_is_told_apart),
		cmocka_unit_test(no_character_of_a_cursor_can_be_changed),
		cmocka_unit_test(a_question_is_its_parameters_but_cursor_and_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
