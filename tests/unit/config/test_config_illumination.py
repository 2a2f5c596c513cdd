import pytest
from pydantic import TypeAdapter, ValidationError

from platewise.config.illumination import IlluminationConfig, NoIllumination, RetrospectiveIllumination

ANY = TypeAdapter(IlluminationConfig)


def test_the_method_chooses_the_model():
    assert ANY.validate_python({"method": "none"}) == NoIllumination()
    retrospective = ANY.validate_python({"method": "retrospective", "max_fields": 40})
    assert retrospective == RetrospectiveIllumination(degree=4, max_fields=40, min_fields=6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "basic"}, "'none', 'retrospective'"),
        ({"method": "none", "degree": 2}, "Extra inputs"),
        ({"method": "retrospective", "max_fields": 5}, "max_fields \\(5\\) is below min_fields \\(6\\)"),
        ({"method": "retrospective", "min_fields": 2}, "greater than or equal to 3"),
        ({"method": "retrospective", "degree": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said(values, message):
    with pytest.raises(ValidationError, match=message):
        ANY.validate_python(values)
