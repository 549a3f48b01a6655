"""Bring hosts the kernel modules that a build farm made for them."""

from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.verdict import RESULTS, status_of
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.model.plan import Deployment
from fleetpolicy.pipeline.installing import install
from fleetpolicy.pipeline.loading import load_hosts
from fleetpolicy.report.product import Product
from fleetpolicy.report.verification import deployment_document, write_deployment


def modules(arguments: Namespace, output: Output) -> ExitStatus:
    """Run `modules install`."""
    request = request_of(arguments, output)
    loaded = load_hosts(request)
    results = install(request, loaded, arguments.source, check=arguments.check)
    done = Deployment("", results)
    status = status_of(done)
    output.publish(
        Product(
            "modules install",
            RESULTS[status],
            lambda _: write_deployment(done),
            lambda: {"deployment": deployment_document(done)},
            hosts=tuple(result.host for result in results),
        )
    )
    return status
