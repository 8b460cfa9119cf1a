"""From a signed URL to a verified video on disk: `fetch.download`, one call that decides nothing.

fetch.py     the call: hold the part, fill it, publish it
outcome.py   what it returns: Saved, or NotSaved and why
part.py      the unfinished file: resume, lock, publication
publish.py   the final name, given in one step also on drives without hard links
meta.py      what is kept beside the part
transfer.py  filling it, over as many connections as get it further
connection.py  one GET to the CDN; body.py its body: the only places that know requests
ranges.py    what an answer says of its body (pure)
address.py   where a video may come from
"""
