from django.core.management.base import BaseCommand


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--no-input", "--lazy", action="store_true")

    def handle(self, **_):
        self.stdout.write("trace_paths is done")
