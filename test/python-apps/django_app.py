"""A Django project in one file, with what depends on the server."""

import hashlib
import os
import time

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import (
    FileResponse,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path

import probe

FILE = os.environ['TEST_SENT_FILE']

settings.configure(
    SECRET_KEY='for tests',
    ALLOWED_HOSTS=['*'],
    ROOT_URLCONF=__name__,
    USE_X_FORWARDED_HOST=True,
    DATA_UPLOAD_MAX_MEMORY_SIZE=100_000,
    FILE_UPLOAD_MAX_MEMORY_SIZE=1_000_000,
    SESSION_ENGINE='django.contrib.sessions.backends.signed_cookies',
    MIDDLEWARE=[
        'django.contrib.sessions.middleware.SessionMiddleware',
        'django.middleware.http.ConditionalGetMiddleware',
        'django.middleware.common.CommonMiddleware',
    ],
    LOGGING={
        'version': 1,
        'handlers': {'console': {'class': 'logging.StreamHandler'}},
        'root': {'handlers': ['console'], 'level': 'ERROR'},
    },
)


def home(request):
    return HttpResponse('Hello from Django!')


def stream(request):
    def generate():
        try:
            for index in range(int(request.GET.get('chunks', 4))):
                time.sleep(int(request.GET.get('gap', 0)) / 1000)
                yield f'{index}\n'
        finally:
            probe.note('closed')

    return StreamingHttpResponse(generate(), content_type='text/plain')


def file(request):
    response = FileResponse(open(FILE, 'rb'), content_type='application/octet-stream')
    response._resource_closers.append(lambda: probe.note('file closed'))
    return response


def upload(request):
    sent = request.FILES['file']
    digest = hashlib.sha256()
    for piece in sent.chunks():
        digest.update(piece)
    return JsonResponse({
        'name': sent.name,
        'sha256': digest.hexdigest(),
        'title': request.POST['title'],
        'on disk': hasattr(sent, 'temporary_file_path'),
    })


def form(request):
    return JsonResponse({key: len(value) for key, value in request.POST.items()})


def body(request):
    return JsonResponse({'length': len(request.body)})


def login(request):
    request.session['name'] = request.POST['name']
    response = HttpResponse('welcome')
    response.set_cookie('color', 'blue')
    return response


def me(request):
    return JsonResponse({'name': request.session.get('name'), 'color': request.COOKIES.get('color')})


def to_home(request):
    return HttpResponseRedirect('/')


def error(request):
    raise ValueError('secret: Django sees it first')


def where(request):
    return JsonResponse({
        'url': request.build_absolute_uri(),
        'address': request.META['REMOTE_ADDR'],
        'is secure': request.is_secure(),
    })


urlpatterns = [
    path('', home),
    path('stream', stream),
    path('file', file),
    path('upload', upload),
    path('form', form),
    path('body', body),
    path('login', login),
    path('me', me),
    path('redirect', to_home),
    path('error', error),
    path('where', where),
]

django.setup()
application = get_wsgi_application()


def app(environ, start_response):
    """Tells whether a body is the server's file wrapper."""
    result = application(environ, start_response)
    if type(result) is environ['wsgi.file_wrapper']:
        probe.note('file_wrapper')
    return result
