"""Batch files: formats, mistakes with their lines, stable keys, and shards."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.batchfile import Contents, parse
from wan_cli.batchfile.formats import CSV, FORMATS, JSON, JSON_LINES, TEXT, TSV, format_of
from wan_cli.batchfile.row import Mistake, Reading, Row
from wan_cli.batchfile.shard import Shard, parse_shard
from wan_cli.errors import UsageError
from wan_cli.filetypes import Source
from wan_cli.identity import BatchName

HERE = Source("prompts.txt", "wan batch")


def read(text: str, form: str, *, name: str = "here", **defaults: Any) -> Contents:
    return parse(
        text, form, HERE, batch=BatchName("https://api.test", name), reading=Reading(defaults)
    )


def rows_of(text: str, form: str, **defaults: Any) -> list[Row]:
    contents = read(text, form, **defaults)
    assert contents.mistakes == []
    return contents.rows


def mistakes_of(text: str, form: str) -> list[Mistake]:
    return read(text, form).mistakes


@pytest.mark.parametrize(
    ("word", "name", "text", "form"),
    [
        (None, "a.jsonl", "", JSON_LINES),
        (None, "a.ndjson", "", JSON_LINES),
        (None, "A.CSV", "", CSV),
        (None, "a.tsv", "", TSV),
        (None, "a.json", "", JSON),
        (None, "folder.d/a.txt", '{"prompt": "a fox"}', TEXT),
        (None, "-", '\n {"prompt": "a fox"}', JSON_LINES),
        (None, "-", "{fox|hen} in the snow", TEXT),
        (None, "/dev/fd/63", "[wide shot] a fox", TEXT),
        (None, "prompts", "a fox", TEXT),
        (None, ".prompts", "a fox", TEXT),
        ("csv", "a.txt", "", CSV),
        ("text", "a.md", "", TEXT),
    ],
)
def test_the_format_comes_from_the_option_or_the_suffix(word, name, text, form):
    assert format_of(word, Source(name, "wan batch"), text) == form


def test_an_unknown_format_is_refused():
    with pytest.raises(UsageError, match=r"'xml' is not one of: jsonl, json, csv, tsv, text"):
        format_of("xml", HERE, "")


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("a b.xlsx", "is a workbook", "then: wan batch 'a b.csv'"),
        ("a.ods", "is a workbook", "then: wan batch a.csv"),
        ("a.csv.gz", "is compressed", "gunzip -c <a.csv.gz >a.csv && wan batch a.csv"),
        ("a.csv.zst", "is compressed", "zstd -dc <a.csv.zst >a.csv && wan batch a.csv"),
        ("a.zip", "is an archive", "unpack it, then: wan batch a.csv"),
        ("x/a.yaml", "is YAML", "convert it to a JSON array of rows, then: wan batch x/a.json"),
        ("a.md", "is Markdown", "each on a line of its own, then: wan batch a.txt"),
        ("a.SRT", "is a subtitle file", "then: wan batch a.txt"),
        ("a.docx", "is a word-processor document", "then: wan batch a.txt"),
        (
            "a.dat",
            "files that end in .dat",
            "if each line is a prompt: wan batch a.dat --format text; ",
        ),
        ("prompts.csv~", "files that end in .csv~", "--format text"),
    ],
)
def test_a_wrong_suffix_is_refused_with_a_helpful_hint(name, words, hint):
    with pytest.raises(UsageError) as caught:
        format_of(None, Source(name, "wan batch"), "a fox")
    assert words in caught.value.message
    assert hint in caught.value.hint


def test_each_line_of_a_text_is_a_prompt_unchanged():
    text = "a fox\r\n\n  hen, \n \t\n-x\u2028y\x0b\n"
    assert [(row.number, row.line, row.request.prompt) for row in rows_of(text, TEXT)] == [
        (1, 1, "a fox"),
        (2, 3, "  hen, "),
        (3, 5, "-x\u2028y\x0b"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_comments_and_blank_lines_are_skipped_and_counted(end):
    lines = ["# act one", "a fox", "", "  # later", "\\#hashtag fox", " ", "a # hen", ""]
    contents = read(end.join(lines), TEXT)
    assert [row.request.prompt for row in contents.rows] == ["a fox", "#hashtag fox", "a # hen"]
    assert contents.skipped == "2 comment lines and 2 blank lines"


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("a fox", ""),
        ("a fox\n", ""),
        ("a fox\n\n", "1 blank line"),
        ("#\na fox", "1 comment line"),
        ("", ""),
    ],
)
def test_a_final_line_break_is_not_another_line(text, skipped):
    assert read(text, TEXT).skipped == skipped


@pytest.mark.parametrize(
    "text",
    [
        '[{"prompt": "a fox", "seed": 7}, "a hen"]',
        '\n[\n  {\n    "prompt": "a fox",\n    "seed": 7\n  },\n  "a hen"\n]\n',
        '[\r{"prompt": "a fox", "seed": 7.0},\r\t"a hen"\r]',
    ],
)
def test_an_array_is_read_in_any_layout(text):
    rows = rows_of(text, JSON)
    assert [(row.request.prompt, row.request.value("seed")) for row in rows] == [
        ("a fox", 7),
        ("a hen", None),
    ]


def test_a_row_of_an_array_has_the_line_where_it_begins():
    rows = rows_of('[\n  {"prompt":\n   "a fox"},\n\n  "a hen", "an owl"\n]', JSON)
    assert [row.line for row in rows] == [2, 5, 5]


def test_rows_of_json_and_csv_have_the_fields_of_the_api():
    as_json = '{"prompt":"a fox","duration":5,"generate_audio":false,"seed":7,"output":"a/b.mp4"}'
    as_csv = 'prompt,duration,generate_audio,seed,output,name\n"a fox",5,no,7,a/b.mp4,\n'
    (one,), (other,) = rows_of(as_json, JSON_LINES), rows_of(as_csv, CSV)
    assert one.request == other.request
    assert one.request.body() == {
        "model": "alibaba/wan-2-6-t2v",
        "prompt": "a fox",
        "duration": 5,
        "generate_audio": False,
        "seed": 7,
    }
    assert (one.output, one.name) == (other.output, other.name) == ("a/b.mp4", None)
    assert (one.line, other.line) == (1, 2)


def test_flags_fill_in_the_missing_fields_of_a_row():
    first, second = rows_of(
        '{"prompt":"a fox"}\n{"prompt":"a hen","resolution":"1080p","seed":null}',
        JSON_LINES,
        resolution="720p",
        seed="3",
    )
    assert (first.request.value("resolution"), first.request.value("seed")) == ("720p", 3)
    assert (second.request.value("resolution"), second.request.value("seed")) == ("1080p", 3)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_table_of_any_spreadsheet_is_read(sign):
    lines = ["Prompt|SEED|name||", '"a fox, then; a hen"|7|||', "an owl||owl||"]
    rows = rows_of("\r\n".join(lines).replace("|", sign), CSV)
    assert [(row.request.prompt, row.request.value("seed"), row.name) for row in rows] == [
        ("a fox, then; a hen", 7, None),
        ("an owl", None, "owl"),
    ]


def test_a_cell_may_hold_lines_and_the_next_row_still_has_its_line():
    rows = rows_of('prompt,seed\n"a fox,\nthen a hen",1\n\n"an owl",\n', CSV)
    assert [(row.line, row.request.prompt, row.request.value("seed")) for row in rows] == [
        (2, "a fox,\nthen a hen", 1),
        (5, "an owl", None),
    ]


@pytest.mark.parametrize(
    ("form", "text", "line", "words"),
    [
        (JSON_LINES, '{"prompt":"a"}\n{"prompt":', 2, "not JSON"),
        (JSON, "[" * 100_000, 1, "not JSON"),
        (JSON_LINES, '{"prompt":' * 50_000, 1, "not JSON"),
        (JSON_LINES, "null", 1, "not an object"),
        (JSON_LINES, '{"promt":"a"}', 1, "a row may have: prompt, model, image_url"),
        (JSON_LINES, '{"promt":"a"}', 1, "(did you mean prompt?)"),
        (JSON_LINES, '{"prompt":"a","prompt":"b"}', 1, "duplicate field 'prompt'"),
        (JSON_LINES, '{"prompt":"a","seed":NaN}', 1, "NaN is not valid JSON"),
        (JSON_LINES, '["a fox",\n"a hen"]', 1, "a JSON array, not JSON Lines"),
        (JSON_LINES, '{"prompt":"a\\u0000b"}', 1, "the prompt contains a NUL character"),
        (JSON_LINES, '{"prompt":"a","negative_prompt":"\\u0000"}', 1, "is not text without NUL"),
        (JSON_LINES, '{"prompt":"\u200b\u3164"}', 1, "the prompt has no visible character"),
        (JSON_LINES, '{"prompt":"—multi-shot"}', 1, "looks like an option"),
        (JSON_LINES, '{"prompt":"--duration 5 a fox"}', 1, "looks like an option"),
        (JSON_LINES, '{"prompt":"-"}', 1, "looks like an option"),
        (JSON, '{"prompt":"a"}', 1, "an object, not an array: put [ ] around it"),
        (JSON, '{"prompts":["a"]}', 1, "keep only the array in 'prompts'"),
        (JSON, '{"prompt":"a"}\n{"prompt":"b"}', 1, "add --format jsonl"),
        (JSON, '"a fox"', 1, "not an array of rows"),
        (JSON, "a fox", 1, "not JSON"),
        (JSON, '["a fox",\n "a hen"', 2, "a comma or ] is missing"),
        (JSON, '["a fox"] x', 1, "there is text after the end of the array"),
        (JSON, '["a fox",\n {"prompt": }]', 2, "the rest is not checked"),
        (JSON, '["a fox",\n\n ["a hen"]]', 3, "not an object"),
        (JSON_LINES, '{"prompt":"a","duration":7}', 1, "'7' is not one of: 5, 10, 15"),
        (JSON_LINES, '{"prompt":"a","output":3}', 1, "output: '3' is not a file name"),
        (JSON_LINES, '{"prompt":"a","name":" "}', 1, "name: '' is not a file name"),
        (JSON_LINES, '{"prompt":"a\\ud800"}', 1, "the prompt is not UTF-8"),
        (JSON_LINES, '{"seed":1}', 1, "the prompt is empty"),
        (CSV, "prompt,seed\na,1,2\n", 2, "3 cells under 2 columns"),
        (CSV, "prompt,sede\na,1\n", 1, "no such field: 'sede' (did you mean seed?)"),
        (
            CSV,
            "a fox\na hen\n",
            1,
            "must name the columns, such as prompt,duration; this one is 'a fox'",
        ),
        (JSON_LINES, '{\n  "prompt": "a"\n}', 1, "each object on one line"),
        (CSV, "prompt,prompt\na,1\n", 1, "duplicate column 'prompt'"),
        (CSV, "prompt,,seed\na,,1\n", 1, "column 2 has no name"),
        (CSV, 'prompt,seed\n"a fox, then,1\n', 2, "not CSV: a quote is not closed"),
        (CSV, 'seed,prompt\n1, "a fox"\n', 2, "a space before a quote"),
        (CSV, "prompt,seed\n# act one\n", 2, "looks like a comment"),
        (CSV, "prompt\na fox,5\n", 2, "2 cells under 1 column; put quotes around a text"),
        (CSV, "seed\n1\n", 1, "prompt is missing"),
        (CSV, 'prompt,seed\n"a" b\n', 2, "not CSV"),
        (CSV, "prompt,seed\na,x\n", 2, "seed: 'x' is not an integer"),
    ],
)
def test_a_mistake_is_reported_with_its_line(form, text, line, words):
    (mistake,) = mistakes_of(text, form)
    assert mistake.line == line
    assert words in mistake.words


def test_all_mistakes_are_found_and_the_other_rows_too():
    text = '{"prompt":""}\n{"prompt":"a fox"}\n{"duration":5}\nnull'
    contents = read(text, JSON_LINES)
    assert [row.line for row in contents.rows] == [2]
    assert [mistake.line for mistake in contents.mistakes] == [1, 3, 4]


def test_a_row_keeps_its_key_when_other_rows_change():
    key = {row.request.prompt: row.keys.first for row in rows_of("a fox\na hen\n", TEXT)}
    later = {
        row.request.prompt: row.keys.first for row in rows_of("an owl\n\na hen\na fox\n", TEXT)
    }
    assert {prompt: later[prompt] for prompt in key} == key


def test_equal_rows_and_rows_of_other_files_or_requests_have_other_keys():
    rows = rows_of("a fox\na fox\n", TEXT)
    keys = {row.keys.first for row in rows}
    keys |= {row.keys.first for row in read("a fox", TEXT, name="there").rows}
    keys |= {row.keys.first for row in rows_of("a fox", TEXT, seed=1)}
    assert len(keys) == 4


# A prompt that begins with a letter, followed by any characters.
PROMPTS = st.tuples(
    st.characters(categories=["L", "Nd"], exclude_characters="\u115f\u1160\u3164\uffa0"),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
).map("".join)


@given(st.lists(PROMPTS, max_size=8))
def test_any_prompt_written_as_json_is_read_back(prompts):
    lines = [json.dumps({"prompt": prompt}) for prompt in prompts]
    for form, text in ((JSON_LINES, "\n".join(lines)), (JSON, f"[{','.join(lines)}]")):
        assert [row.request.prompt for row in rows_of(text, form)] == prompts


@given(st.lists(PROMPTS, min_size=1, max_size=8), st.sampled_from(",;\t"))
def test_any_prompt_written_as_csv_is_read_back(prompts, sign):
    table = io.StringIO(newline="")
    writer = csv.writer(table, delimiter=sign)
    writer.writerows([["prompt", "seed"], *([prompt, 7] for prompt in prompts)])
    assert [row.request.prompt for row in rows_of(table.getvalue(), CSV)] == prompts


@given(st.text(), st.sampled_from(FORMATS))
def test_any_text_gives_rows_and_mistakes_or_is_refused(text, form):
    try:
        contents = read(text, form)
    except UsageError:
        assert form == TEXT
        return
    assert all(row.request.prompt.strip() for row in contents.rows)
    assert all(mistake.line >= 1 for mistake in contents.mistakes)


def test_a_separator_line_sets_the_separator_and_is_not_a_row():
    for first in ("sep=;", '"sep=;"', "SEP=;;;"):
        (row,) = rows_of(f"{first}\r\nprompt;seed\r\na fox, then;7\r\n", CSV)
        assert (row.line, row.request.prompt, row.request.value("seed")) == (3, "a fox, then", 7)
    (row,) = rows_of("sep=\t\nprompt\tseed\na fox; then\t7\n", CSV)
    assert row.request.prompt == "a fox; then"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_lines_can_end_with_lf_crlf_or_cr(sign, end):
    lines = ["prompt|seed", '"a fox, in the snow"|7', "an owl; at night|" if sign == "," else "b|"]
    rows = rows_of(end.join(lines).replace("|", sign) + end, CSV)
    assert [(row.line, row.request.value("seed")) for row in rows] == [(2, 7), (3, None)]


def test_cells_other_than_texts_are_stripped_and_5_0_means_5():
    text = (
        "prompt,duration,seed,resolution,output,once\n a fox ,5.0, 7 , 720p , a.mp4 , k1 \nb,,,,,\n"
    )
    first, second = rows_of(text, CSV)
    assert first.request.body() == {
        "model": "alibaba/wan-2-6-t2v",
        "prompt": " a fox ",
        "resolution": "720p",
        "duration": 5,
        "seed": 7,
    }
    assert (first.output, first.once, second.once) == ("a.mp4", "k1", None)
    assert rows_of("prompt;duration\na;5,0\n", CSV)[0].request.value("duration") == 5
    assert mistakes_of("prompt,duration\na,5.5\n", CSV)
    assert mistakes_of('{"prompt":"a","duration":5.5}', JSON_LINES)


def test_column_names_can_have_spaces_and_capitals():
    (row,) = rows_of(" Prompt ,Aspect Ratio,negative-prompt\na fox,9:16,rain\n", CSV)
    assert (row.request.value("aspect_ratio"), row.request.value("negative_prompt")) == (
        "9:16",
        "rain",
    )


@pytest.mark.parametrize(
    "text",
    [
        "prompt\na fox, in the snow\n1,000 foxes\n",
        "prompt\r\na fox;5\r\n",
        "prompt\na fox\t5\n",
    ],
)
def test_a_single_column_that_looks_like_two_is_refused(text):
    assert mistakes_of(text, CSV)


def test_a_single_column_can_hold_commas():
    text = 'Prompt\na fox, in the snow; then a hen\n"an owl, ""at night"""\na wolf\n'
    assert [row.request.prompt for row in rows_of(text, CSV)] == [
        "a fox, in the snow; then a hen",
        'an owl, "at night"',
        "a wolf",
    ]


def test_after_a_broken_quote_the_other_lines_are_checked():
    text = 'prompt,duration\n"a fox,5\n"a hen",7\nan owl,5\n"a" b,5\na wolf,8\n"a cat,5\na dog,9'
    assert [(each.line, each.words.split(":")[0]) for each in mistakes_of(text, CSV)] == [
        (2, "not CSV"),
        (3, "duration"),
        (5, "not CSV"),
        (6, "duration"),
        (7, "not CSV"),
        (8, "duration"),
    ]


def test_a_file_of_broken_quotes_does_not_take_for_ever():
    mistakes = mistakes_of("prompt,seed\n" + '"a" b,1\n' * 200_000, CSV)
    assert len(mistakes) == 21
    assert "not checked" in mistakes[-1].words


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (r"clips\fox.mp4", r"clips\fox.mp4 is a Windows path; write clips/fox.mp4"),
        (r"C:\clips\fox.mp4", "write clips/fox.mp4"),
        ("C:/clips/fox.mp4", "write clips/fox.mp4"),
        (r"\\server\clips\fox.mp4", "write server/clips/fox.mp4"),
    ],
)
def test_a_windows_path_is_refused_with_its_slash_form(place, words):
    for name in ("output", "name"):
        row = json.dumps({"prompt": "a fox", name: place})
        (mistake,) = mistakes_of(row, JSON_LINES)
        assert mistake.words.startswith(f"{name}: ")
        assert words in mistake.words


@pytest.mark.parametrize("key", ["build-7", "x" * 200, "Bau 7, Szene 3", "猫"])
def test_a_row_can_have_its_own_key(key):
    (row,) = rows_of(json.dumps({"prompt": "a fox", "once": key}), JSON_LINES)
    assert row.once == key


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\nb", "a\u200bb", 7, True, ["a"]])
def test_an_invalid_key_is_refused(key):
    (mistake,) = mistakes_of(json.dumps({"prompt": "a fox", "once": key}), JSON_LINES)
    assert "is not a key of 1 to 200 printable characters" in mistake.words


def test_one_key_for_two_requests_is_refused():
    text = '{"prompt":"a","once":"k"}\n{"prompt":"a","once":"k"}\n{"prompt":"b","once":"k"}'
    (mistake,) = mistakes_of(text, JSON_LINES)
    assert (mistake.line, mistake.words) == (
        3,
        "once: 'k' is the key of another request, in line 1",
    )


@given(st.integers(1, 9), st.integers(0, 40))
def test_shards_together_have_each_row_once(count, size):
    rows = rows_of("".join(f"fox {number}\n" for number in range(size)), TEXT)
    shards = [parse_shard(f"{index}/{count}", {}) for index in range(count)]
    assert [sum(shard.has(row) for shard in shards) for row in rows] == [1] * size


@pytest.mark.parametrize(
    ("word", "environ", "shard"),
    [
        (None, {"SLURM_ARRAY_TASK_ID": "1"}, Shard(0, 1)),
        ("0/4", {}, Shard(0, 4)),
        ("3/4", {}, Shard(3, 4)),
        ("4/4", {}, Shard(0, 4)),
        ("auto", {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_COUNT": "3"}, Shard(2, 3)),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "19",
                "SLURM_ARRAY_TASK_COUNT": "10",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "1",
            },
            Shard(9, 10),
        ),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "9",
                "SLURM_ARRAY_TASK_COUNT": "5",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_STEP": "2",
            },
            Shard(4, 5),
        ),
        ("auto/8", {"JOB_COMPLETION_INDEX": "3"}, Shard(3, 8)),
        ("auto", {"JOB_COMPLETION_INDEX": "3", "JOB_COMPLETION_COUNT": "4"}, Shard(3, 4)),
    ],
)
def test_a_shard_is_given_or_read_from_an_array_job(word, environ, shard):
    assert parse_shard(word, environ) == shard


@pytest.mark.parametrize("word", ["", "1", "5/4", "0/0", "-1/4", "a/b", "1/2/3", "١/٢"])
def test_an_invalid_shard_is_refused(word):
    with pytest.raises(UsageError, match="is not K/N"):
        parse_shard(word, {})


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "not running in an array job"),
        ({"JOB_COMPLETION_INDEX": "3"}, "does not say how many"),
        ({"SLURM_ARRAY_TASK_ID": "3"}, "is not K/N"),
    ],
)
def test_auto_names_the_missing_variable(environ, words):
    with pytest.raises(UsageError, match=words):
        parse_shard("auto", environ)
