"""From a signed URL to a verified video on disk: one call, `fetch.download`, that decides nothing.

fetch.py     the call: hold the part, fill it, publish it
outcome.py   the call's result: Saved, or NotSaved with the reason
part.py      the unfinished file (the part): resume, lock, publication
shelf.py     publish a verified file as an object, and read objects back
checksum.py  the SHA-256 of a saved video
publish.py   the final name, given in one step, even on drives without hard links
meta.py      the small file beside the part
transfer.py  filling the part over several connections, as long as each makes progress
connection.py  one GET to the CDN; body.py reads its body: only these two modules know requests
ranges.py    what a response says about its body (pure)
address.py   the addresses that a video may come from
"""
