"""A whole campaign on the cluster, nothing in its way."""

from campaign import PLATE


def test_every_rule_ran_as_a_job(undisturbed):
    assert (undisturbed.results / "report" / "index.html").is_file()
    assert set(undisturbed.ran("segment_block")) == {f"{PLATE}_{block}" for block in undisturbed.blocks}
    assert all(states == ["COMPLETED"] for states in undisturbed.ran("segment_block").values())


def test_gpu_jobs_were_given_a_gpu_and_others_none(undisturbed):
    given = {}
    for comment, tres, folder in undisturbed.cluster.accounted("comment,alloctres,workdir"):
        if folder == str(undisturbed.folder):
            rule = comment.removeprefix("rule_").partition("_wildcards_")[0]
            given.setdefault(rule, set()).add("gres/gpu=1" in tres)
    assert {rule for rule, gpus in given.items() if True in gpus} == {"train_embedding", "embed_block"}
    assert all(len(gpus) == 1 for gpus in given.values())


def test_the_tables_are_those_of_a_run_without_slurm(undisturbed, tmp_path):
    from campaign import SlurmProject

    here = SlurmProject(tmp_path / "here", undisturbed.cluster, undisturbed.rendered)
    here.run_here()
    here.assert_equals(undisturbed)


def test_nothing_is_left_to_do(undisturbed):
    assert "Nothing to be done" in undisturbed.run_on_slurm()
