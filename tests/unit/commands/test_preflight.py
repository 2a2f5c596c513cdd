"""`platewise preflight`: what it takes."""

from typer.testing import CliRunner

from platewise.cli import app


def test_a_sample_is_one_field_at_least():
    # Without the size of an image there is nothing to forecast from.
    refused = CliRunner().invoke(app, ["preflight", "config.yaml", "--sample", "0"], env={"COLUMNS": "200"})
    assert refused.exit_code == 2
    assert "Invalid value for '--sample'" in refused.output
    assert "greater than or equal to 1" in refused.output
