from platewise.config.measure import LocationGroup
from platewise.measure import location
from platewise.measure.names import location_names


def test_centre_centre_of_mass_and_brightest_pixel(compartment_of):
    compartment = compartment_of([[0, 0, 0, 0], [0, 1, 1, 1]], [[9, 9, 9, 9], [9, 1, 1, 2]])
    assert location_names(["DNA"], LocationGroup()) == [
        "Location_Center_X",
        "Location_Center_Y",
        "Location_CenterMassIntensity_X_DNA",
        "Location_CenterMassIntensity_Y_DNA",
        "Location_MaxIntensity_X_DNA",
        "Location_MaxIntensity_Y_DNA",
    ]
    assert location.measure(compartment, ["DNA"], LocationGroup()).tolist() == [[2, 1, 2.25, 1, 3, 1]]


def test_the_first_of_several_brightest_pixels_is_taken(compartment_of):
    compartment = compartment_of([[1, 1, 1]], [[1, 5, 5]])
    assert location.measure(compartment, ["A"], LocationGroup())[0, 4:].tolist() == [1, 0]
