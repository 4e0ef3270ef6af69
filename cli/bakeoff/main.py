"""The command line: `bakeoff`."""

import typer

from bakeoff.commands import analyze, cost, demo, events, experiments, keys, models, power, report, serve, users, watch

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Serve machine-learning models online and run A/B tests between them.",
)
app.add_typer(models.app, name="model")
app.add_typer(experiments.app, name="experiment")
app.add_typer(events.app, name="events")
app.add_typer(users.app, name="user")
app.add_typer(keys.app, name="key")
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("report")(report.report)
app.command("watch")(watch.watch)
app.command("analyze")(analyze.analyze)
app.command("power")(power.power)
app.command("cost")(cost.cost)

if __name__ == "__main__":
    app()
