"""A batch file becomes rows: formats, mistakes with their lines, keys that stay, shards."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.batchfile import (
    CSV,
    JSON_LINES,
    TEXT,
    Mistake,
    Row,
    parse,
    parse_format,
)
from wan_cli.batchfile.shard import Shard, parse_shard
from wan_cli.errors import UsageError


def rows_of(text: str, form: str, **defaults: object) -> list[Row]:
    rows, mistakes = parse(text, form, scope="here", defaults=defaults)
    assert mistakes == []
    return rows


def mistakes_of(text: str, form: str) -> list[Mistake]:
    return parse(text, form, scope="here", defaults={})[1]


@pytest.mark.parametrize(
    ("word", "name", "text", "form"),
    [
        (None, "a.jsonl", "", JSON_LINES),
        (None, "a.ndjson", "", JSON_LINES),
        (None, "A.CSV", "", CSV),
        (None, "a.txt", '{"prompt": "a fox"}', TEXT),
        (None, "-", '\n {"prompt": "a fox"}', JSON_LINES),
        (None, "prompts", "a fox", TEXT),
        ("csv", "a.txt", "", CSV),
    ],
)
def test_the_format_is_as_named_else_by_the_name_else_by_the_beginning(word, name, text, form):
    assert parse_format(word, name, text) == form


def test_a_format_nobody_knows_is_refused():
    with pytest.raises(UsageError, match=r"'xml' is not one of: jsonl, csv, text"):
        parse_format("xml", "a.txt", "")


def test_each_line_of_a_text_is_a_prompt_exactly_as_it_stands():
    text = "a fox\r\n\n  # not a comment \n \t\n-x\u2028y\x0b\n"
    assert [(row.number, row.line, row.request.prompt) for row in rows_of(text, TEXT)] == [
        (1, 1, "a fox"),
        (2, 3, "  # not a comment "),
        (3, 5, "-x\u2028y\x0b"),
    ]


def test_rows_of_json_and_csv_carry_the_fields_of_the_api():
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


def test_what_a_row_does_not_say_is_as_the_flags_say():
    first, second = rows_of(
        '{"prompt":"a fox"}\n{"prompt":"a hen","resolution":"1080p","seed":null}',
        JSON_LINES,
        resolution="720p",
        seed="3",
    )
    assert (first.request.resolution, first.request.seed) == ("720p", 3)
    assert (second.request.resolution, second.request.seed) == ("1080p", 3)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_table_of_any_spreadsheet_is_read(sign):
    lines = ["Prompt|SEED|name||", '"a fox, then; a hen"|7|||', "an owl||owl||"]
    rows = rows_of("\r\n".join(lines).replace("|", sign), CSV)
    assert [(row.request.prompt, row.request.seed, row.name) for row in rows] == [
        ("a fox, then; a hen", 7, None),
        ("an owl", None, "owl"),
    ]


def test_a_cell_may_hold_lines_and_the_next_row_still_has_its_line():
    rows = rows_of('prompt,seed\n"a fox,\nthen a hen",1\n\n"an owl",\n', CSV)
    assert [(row.line, row.request.prompt, row.request.seed) for row in rows] == [
        (2, "a fox,\nthen a hen", 1),
        (5, "an owl", None),
    ]


@pytest.mark.parametrize(
    ("form", "text", "line", "words"),
    [
        (JSON_LINES, '{"prompt":"a"}\n{"prompt":', 2, "not JSON"),
        (JSON_LINES, "[" * 100_000, 1, "not JSON"),
        (JSON_LINES, '["a fox"]', 1, "not an object"),
        (JSON_LINES, '{"promt":"a"}', 1, "no such field: 'promt'; a row may have: prompt, model"),
        (JSON_LINES, '{"prompt":"a","prompt":"b"}', 1, "'prompt' stands there twice"),
        (JSON_LINES, '{"prompt":"a","duration":7}', 1, "'7' is not one of: 5, 10, 15"),
        (JSON_LINES, '{"prompt":"a","output":3}', 1, "output: '3' is not a file's name"),
        (JSON_LINES, '{"prompt":"a","name":" "}', 1, "name: '' is not a file's name"),
        (JSON_LINES, '{"prompt":"a\\ud800"}', 1, "the prompt is not UTF-8"),
        (JSON_LINES, '{"seed":1}', 1, "the prompt is empty"),
        (CSV, "prompt,seed\na,1,2\n", 2, "3 cells under 2 columns"),
        (CSV, "prompt,sede\na,1\n", 1, "no such field: 'sede'"),
        (CSV, "prompt,prompt\na,1\n", 1, "a column stands there twice"),
        (CSV, "seed\n1\n", 1, "prompt is missing"),
        (CSV, 'prompt\n"a" b\n', 2, "not CSV"),
        (CSV, "prompt,seed\na,x\n", 2, "seed: 'x' is not an integer"),
    ],
)
def test_a_mistake_has_its_line(form, text, line, words):
    (mistake,) = mistakes_of(text, form)
    assert mistake.line == line
    assert words in mistake.words


def test_all_mistakes_are_found_and_the_other_rows_too():
    text = '{"prompt":""}\n{"prompt":"a fox"}\n{"duration":5}\nnull'
    rows, mistakes = parse(text, JSON_LINES, scope="", defaults={})
    assert [row.line for row in rows] == [2]
    assert [mistake.line for mistake in mistakes] == [1, 3, 4]


def test_a_row_keeps_its_key_where_others_come_and_go():
    key = {row.request.prompt: row.key for row in rows_of("a fox\na hen\n", TEXT)}
    later = {row.request.prompt: row.key for row in rows_of("an owl\n\na hen\na fox\n", TEXT)}
    assert {prompt: later[prompt] for prompt in key} == key


def test_equal_rows_are_two_and_so_are_those_of_two_files_or_requests():
    rows = rows_of("a fox\na fox\n", TEXT)
    keys = {row.key for row in rows}
    keys |= {row.key for row in parse("a fox", TEXT, scope="there", defaults={})[0]}
    keys |= {row.key for row in rows_of("a fox", TEXT, seed=1)}
    assert len(keys) == 4


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_any_prompt_that_json_can_write_comes_back(prompts):
    text = "\n".join(json.dumps({"prompt": prompt}) for prompt in prompts)
    rows, mistakes = parse(text, JSON_LINES, scope="", defaults={})
    assert [row.request.prompt for row in rows] == [each for each in prompts if each.strip()]
    assert len(mistakes) == sum(not each.strip() for each in prompts)


@given(st.text(), st.sampled_from([JSON_LINES, CSV, TEXT]))
def test_any_text_is_rows_and_mistakes(text, form):
    rows, mistakes = parse(text, form, scope="", defaults={})
    assert all(row.request.prompt.strip() for row in rows)
    assert all(mistake.line >= 1 for mistake in mistakes)


@given(st.integers(1, 9), st.integers(0, 40))
def test_shards_have_each_row_once(count, size):
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
def test_a_shard_is_named_or_taken_from_an_array_job(word, environ, shard):
    assert parse_shard(word, environ) == shard


@pytest.mark.parametrize("word", ["", "1", "5/4", "0/0", "-1/4", "a/b", "1/2/3", "١/٢"])
def test_any_other_shard_is_refused(word):
    with pytest.raises(UsageError, match="is not K/N"):
        parse_shard(word, {})


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "no array job"),
        ({"JOB_COMPLETION_INDEX": "3"}, "does not say how many"),
        ({"SLURM_ARRAY_TASK_ID": "3"}, "is not K/N"),
    ],
)
def test_auto_without_all_of_it_says_what_is_missing(environ, words):
    with pytest.raises(UsageError, match=words):
        parse_shard("auto", environ)
