"""From a signed URL to a verified video on disk.

fetch.py     what the runner calls
part.py      the unfinished file: resume, lock, publication
transfer.py  filling it: resume, start over, renew the URL, give up in time
connection.py  one GET to the CDN: the only place that knows requests
ranges.py    what an answer says of its body (pure)
address.py   where a video may come from
"""
