"""The server: a registry read over HTTP, by people in a browser and by programs. It never records anything.

In reading order: `serving` (what is served: a registry, and the view that each request gets), `access` (who may ask: tokens, hosts,
headers), `failures` (errors as answers), `api` (the command line's JSON), `downloads` (diagrams, reports and pictures as files), `drawing` (how large diagrams may be here),
`pages` (what a browser shows) and `app`, which puts these together.

FastAPI, uvicorn and Jinja2 come with the extra ``server``; only who serves imports this package.
"""
