"""A Flask app with what depends on the server: streams, files, uploads, proxies, errors."""

import hashlib
import os
import threading
import time

from flask import (
    Flask,
    abort,
    jsonify,
    make_response,
    redirect,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)
from werkzeug.middleware.proxy_fix import ProxyFix

import probe

FILE = os.environ['TEST_SENT_FILE']
# Where the streams of as many threads meet.
EIGHT = threading.Barrier(8)

app = Flask(__name__)
app.secret_key = 'for tests'
app.config['MAX_CONTENT_LENGTH'] = 6_000_000


@app.route('/')
def home():
    return 'Hello from Flask!'


@app.route('/stream')
def stream():
    @stream_with_context
    def generate():
        try:
            for index in range(request.args.get('chunks', 4, int)):
                time.sleep(request.args.get('gap', 0, int) / 1000)
                yield f'{index} for {request.remote_addr}\n'
                if index == 0 and 'meet' in request.args:
                    EIGHT.wait(30)
        finally:
            probe.note('closed')

    return generate(), {'Content-Type': 'text/plain'}


@app.teardown_request
def teardown(error):
    probe.note(f'teardown {request.path}')


@app.route('/file')
def file():
    return send_file(FILE, mimetype='application/octet-stream', conditional=True)


@app.post('/upload')
def upload():
    sent = request.files['file']
    digest = hashlib.sha256(sent.read()).hexdigest()
    return jsonify(name=sent.filename, sha256=digest, title=request.form['title'])


@app.post('/raw')
def raw():
    digest, length = hashlib.sha256(), 0
    while piece := request.stream.read(65_536):
        digest.update(piece)
        length += len(piece)
    return jsonify(length=length, sha256=digest.hexdigest())


@app.post('/json')
def echo_json():
    return jsonify(got=request.get_json())


@app.post('/login')
def login():
    session['name'] = request.form['name']
    response = make_response('welcome')
    response.set_cookie('color', 'blue', httponly=True)
    response.set_cookie('size', 'caf\xe9')
    return response


@app.route('/me')
def me():
    return jsonify(name=session.get('name'), cookies=dict(request.cookies))


@app.route('/redirect')
def to_home():
    return redirect('/')


@app.route('/etag')
def etag():
    response = make_response('always the same')
    response.add_etag()
    return response.make_conditional(request)


@app.route('/error')
def error():
    raise ValueError('secret: Flask sees it first')


@app.route('/teapot')
def teapot():
    abort(418)


@app.route('/where')
def where():
    return jsonify(url=request.url, address=request.remote_addr, root=request.script_root)


# One that hears of proxies from the server alone.
mounted = Flask('mounted')


@mounted.route('/where')
def page():
    return 'here'


@mounted.route('/links')
def links():
    return jsonify([url_for('page'), url_for('page', _external=True)])


@app.route('/caf\xe9/<path:rest>')
def cafe(rest):
    return jsonify(rest=rest)


def watched(wsgi_app):
    """Tells whether a body is the server's file wrapper."""
    def middleware(environ, start_response):
        body = wsgi_app(environ, start_response)
        if type(body) is environ['wsgi.file_wrapper']:
            probe.note('file_wrapper')
        return body
    return middleware


app.wsgi_app = watched(ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1))
