import csv
from datetime import datetime, timezone

from django import forms
from django.contrib import messages
from django.http import JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render

KEPT_ENTRIES = 10


class EntryForm(forms.Form):
    name = forms.CharField(max_length=40)
    text = forms.CharField(max_length=140, widget=forms.Textarea(attrs={"rows": 2}))


def index(request):
    """The guest book: shows the entries of this visitor, and takes new ones."""
    entries = request.session.get("entries", [])
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        entry = {**form.cleaned_data, "at": datetime.now(timezone.utc).strftime("%d %B %Y, %H:%M")}
        request.session["entries"] = [entry, *entries][:KEPT_ENTRIES]
        messages.success(request, f"Thank you, {entry['name']}!")
        return redirect("index")
    return render(request, "guestbook/index.html", {"form": form, "entries": entries})


class Line:
    """A file to the csv module that gives each line back instead of keeping it."""

    def write(self, text):
        return text


def entries_csv(request):
    """The entries as a download, sent line by line."""
    writer = csv.writer(Line())
    entries = request.session.get("entries", [])
    rows = [("at", "name", "text"), *((e["at"], e["name"], e["text"]) for e in entries)]
    return StreamingHttpResponse(
        (writer.writerow(row) for row in rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="entries.csv"'},
    )


def health(request):
    return JsonResponse({"status": "ok"})
