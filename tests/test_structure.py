"""wan refuses plain text that is not a list of prompts, and reads natural language in any form."""

import pytest

from wan_cli.batchfile import parse
from wan_cli.batchfile.formats import TEXT
from wan_cli.batchfile.row import Reading
from wan_cli.errors import UsageError
from wan_cli.filetypes import Source
from wan_cli.identity import BatchName


def read(text: str, *, name: str = "list.txt", is_sure: bool = False) -> list[str]:
    source = Source(name, "wan batch")
    contents = parse(
        text,
        TEXT,
        source,
        batch=BatchName("https://api.test", "x"),
        reading=Reading(),
        is_sure=is_sure,
    )
    assert contents.mistakes == []
    return [row.request.prompt for row in contents.rows]


# Text that is never a list of prompts, the line that shows it, and a part of the hint.
CERTAIN = {
    "array": ('["a fox", "a hen"]', 1, "--format json"),
    "array of objects": ('[{"prompt": "a fox"}]', 1, "--format json"),
    "printed array": ('[\n  {\n    "prompt": "a fox"\n  }\n]', 1, "--format json"),
    "array after a blank line": ('\n\n[\n  "a fox",\n  "a hen"\n]\n', 3, "--format json"),
    "broken array": ('[\n  "a fox",\n', 1, "--format json"),
    "object": ('{\n  "prompts": ["a fox"]\n}', 1, "--format json"),
    "JSON Lines": ('{"prompt": "a fox"}\n{"prompt": "a hen"}', 1, "--format jsonl"),
    "JSON Lines after words": ('my prompts\n{"prompt": "a hen"}', 2, ".jsonl"),
    "CSV": ("prompt,duration\na fox,5\n", 1, "wan batch list.txt --format csv"),
    "CSV of Excel in Germany": ("Prompt;Seed\na fox;7\n", 1, "--format csv"),
    "CSV with other columns": ("id,prompt,notes\n1,a fox,nice\n", 1, "name the columns"),
    "CSV in quotes": ('"prompt","seed"\n"a fox",7\n', 1, "--format csv"),
    "CSV without prompt": ("title,description\nFox,a fox in the snow\n", 1, "name the columns"),
    "TSV": ("prompt\tduration\na fox\t5\n", 1, "--format tsv"),
    "column": ("prompt\na fox\na hen\n", 1, "wan batch list.txt --format csv"),
    "columns of many": ("Prompts\na fox\na hen\n", 1, "remove that line"),
    "YAML": ("- prompt: a fox\n  duration: 5\n", 1, "JSON Lines or CSV"),
    "YAML with a root": ("prompts:\n  - a fox\n  - a hen\n", 1, "JSON Lines or CSV"),
    "YAML document": ("---\na fox\n", 1, "remove that line"),
    "YAML fields": ("fox:\n  text: a fox\n  seed: 7\n", 3, "JSON Lines or CSV"),
    "TOML": ('[[clip]]\ntext = "a fox"\n', 1, "on a line of its own"),
    "INI": ("[fox]\ntext=a fox\n", 1, "on a line of its own"),
    "settings": ("PROMPT=a fox\n", 1, "JSON Lines or CSV"),
    "XML": ('<?xml version="1.0"?>\n<prompts>\n', 1, "on a line of its own"),
    "XML without a declaration": ("<prompts>\n<prompt>a fox</prompt>\n", 2, "of its own"),
    "HTML": ("<!doctype html>\n<p>a fox\n", 1, "on a line of its own"),
    "list of HTML": ("<ul>\n<li>a fox</li>\n</ul>\n", 2, "on a line of its own"),
    "table of Markdown": ("| prompt |\n|---|\n| a fox |\n", 1, "of its own"),
    "other table of Markdown": ("| Tier | Ort |\n| a fox | snow |\n", 1, "of its own"),
    "code of Markdown": ("```\na fox\n```\n", 1, "on a line of its own"),
    "rule of Markdown": ("a fox\n***\na hen\n", 2, "remove that line"),
    "LaTeX": ("\\begin{itemize}\na fox\n", 1, "on a line of its own"),
    "subtitles": ("1\n00:00:01,000 --> 00:00:04,000\na fox\n", 2, "on a line of its own"),
    "subtitles of the web": ("WEBVTT\n\n00:01.000 --> 00:04.000\na fox\n", 1, "of its own"),
    "shell": ('#!/bin/sh\nwan generate "a fox"\n', 1, "on a line of its own"),
    "commands": ('wan generate "a fox" --duration 5\n', 1, "on a line of its own"),
    "punctuation": ("a fox\n},\n", 2, "remove that line"),
}
# Text that is rarely a list of prompts: refused unless the user says that each line is one.
LIKELY = {
    "bullets": ("- a fox\n- a hen\n", "remove the bullets"),
    "stars": ("* a fox\n* a hen\n", "remove the bullets"),
    "bullets under a heading": ("Clips:\n  • a fox\n  • a hen\n", "remove the bullets"),
    "tasks": ("- [ ] a fox\n- [x] a hen\n", "remove the bullets"),
    "table with tabs": ("a fox\t5\na hen\t10\n", "--format tsv"),
    "one row with tabs": ("a fox\t5\t720p\n", "--format tsv"),
    "ragged table": ("a fox\t5\nan owl\na hen\t10\n", "--format tsv"),
    "table with semicolons": ("Fuchs;Schnee\nHenne;Hof\n", "--format csv"),
    "table with commas": ("a fox,5\na hen,10\n", "--format csv"),
    "table of sizes": ("Fuchs,720p,16:9\nHenne,1080p,9:16\n", "--format csv"),
    "mapping of YAML": ("clips:\n  - text: a fox\n    length: 5\n", "JSON Lines or CSV"),
    "keys with numbers": ("a: 1\nb: 2\n", "JSON Lines or CSV"),
    "elements": ('"a fox",\n"a hen",\n"an owl"\n', "--format json"),
}


@pytest.mark.parametrize("kind", CERTAIN)
def test_other_text_is_refused_with_its_line_and_a_helpful_hint(kind):
    text, line, hint = CERTAIN[kind]
    for is_sure in (False, True):
        with pytest.raises(UsageError, match=rf"^list\.txt:{line}: looks like ") as caught:
            read(text, is_sure=is_sure)
        assert hint in caught.value.hint
        assert "--format text" not in caught.value.hint


@pytest.mark.parametrize("kind", LIKELY)
def test_text_that_is_rarely_a_list_of_prompts_needs_format_text(kind):
    text, hint = LIKELY[kind]
    with pytest.raises(UsageError, match=r"^list\.txt:\d: looks like ") as caught:
        read(text)
    assert hint in caught.value.hint
    assert caught.value.hint.endswith("if each line is a prompt: wan batch list.txt --format text")
    assert read(text, is_sure=True) == [line for line in text.split("\n") if line]


def test_the_hint_quotes_the_file_name_for_a_shell():
    with pytest.raises(UsageError) as caught:
        read("prompt,seed\na fox,7", name="my list.txt")
    assert caught.value.hint == "wan batch 'my list.txt' --format csv"
    with pytest.raises(UsageError, match=r"^stdin:1: ") as caught:
        read("prompt,seed\na fox,7", name="-")
    assert caught.value.hint == "wan batch - --format csv"


@pytest.mark.parametrize(
    "text",
    [
        # A poem: commas and semicolons in every line, the name of a column for a word.
        "Tyger Tyger, burning bright,\nIn the forests of the night;\nWhat immortal hand or eye,\n"
        "Could frame thy fearful symmetry?",
        "Row, row, row your boat,\nGently down the stream,\nMerrily, merrily, merrily, merrily,\n"
        "Life is but a dream.",
        "No, no, no\nYes, yes, yes",
        # Titles, scenes and labels.
        "Title: The Fox\nTitle: The Hen",
        "Scene 1: a fox, in the snow, at dawn\nScene 2: a hen, in the yard, at noon",
        "Wide shot: a fox\nClose-up: its eyes",
        "INT. KITCHEN - NIGHT: a cat waits\nEXT. STREET - DAY: a dog runs",
        "The Lonely Fox: a tale of snow",
        "Prompt 1: a fox\nPrompt 2: a hen",
        "fox: a fox in the snow\nhen: a hen in the yard",
        # Commas in every line, and as many.
        "a fox, snow, 35mm film\na hen, yard, 50mm film",
        "a fox, 1980\na hen, 1990",
        "fox,snow,night\nhen,yard,noon",
        "cinematic, golden hour, 8k\nmoody, blue hour, 4k",
        # Beginnings.
        '"Hello," says the fox\n"Who is there?" asks the hen',
        '"a fox in the snow"\n"a hen in the yard"',
        "“Hello,” says the fox\n«Bonjour», dit le renard\n„Guten Tag“, sagt der Fuchs",
        "3 foxes play\n1920s street, noir\n1. a fox\n2) a hen\n2001: a space odyssey\n1984",
        "— Hello, said the fox\n– Who is there? asked the hen\n—Hola —dijo el zorro",
        "——你好，狐狸说。",
        "-5 °C, a frozen lake\n- a fox beside it",
        "[wide shot] a fox\n[00:00-00:05] it runs\n[error] a hen",
        "(whispering) a fox\n{fox|hen} in the snow\n<lora:film:0.8> a street\n*sighs* a fox",
        "/imagine a fox --ar 16:9\n@home: a cat\n$100 on a table\n% of a whole\n& sons",
        # Brackets, pipes, equals, arrows, URLs and tags within.
        "a fox [closeup] {slow}\nwide shot | fox | snow\nE = mc2 on a board\na -> b\n1 < 2 > 0",
        'a sign that says "prompt: a fox"\na page of https://example.com/a?b=c',
        'The json is {"a": 1} on a screen\na wall with <b>',
        # Any script.
        "雪中的狐狸，特写\n一只母鸡，院子里",
        "狐が雪の中を走る\n「こんにちは」と狐が言う",
        "ثعلب في الثلج، لقطة قريبة\nدجاجة في الفناء",
        "שועל בשלג\nתרנגולת בחצר",
        "лиса в снегу: вечер\n— Привет, сказала лиса",
        "눈 속의 여우\nलोमड़ी बर्फ में",
        "🦊\n🦊❄️ in the snow\n…\n✨",
        # White space.
        "  a fox \n\ta hen\t",
        "a fox\u2028in the snow\na\u00a0hen",
        # One word, names of fields, commands in a sentence.
        "fox\nname\nmodel\nseed\ntext",
        "duration of a kiss\nprompt service at a restaurant\nimport of goods\nfrom Paris",
        "wan generations of light\nwan light, pale faces",
        "a table\twith one tab\na fox\na hen",
    ],
)
def test_prompts_in_natural_language_are_read_unchanged(text):
    assert read(text) == [line for line in text.split("\n") if line.strip()]
