"""validate.py kubernetes|compose FILE

Checks each document of a YAML file against the schemas that packages carry: those of Kubernetes' API, strictly
(no unknown field), and the Compose Specification. Prints a line for each flaw.
"""

import sys

import kubernetes_validate
import yaml
from compose_spec import ComposeSpecification
from pydantic import ValidationError

KUBERNETES = '1.37'


def main(kind, path):
    with open(path) as file:
        documents = list(yaml.safe_load_all(file))
    for document in documents:
        for flaw in CHECKS[kind](document):
            print(flaw)


def of_kubernetes(document):
    name = f'{document["kind"]} {document["metadata"]["name"]}'
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f'{name}: {"/".join(map(str, error.path))}: {error.message}'


def of_compose(document):
    try:
        ComposeSpecification.model_validate(document)
    except ValidationError as error:
        yield str(error)


CHECKS = {'kubernetes': of_kubernetes, 'compose': of_compose}
main(*sys.argv[1:])
