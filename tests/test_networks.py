import keras
import numpy as np
import pytest

from lamost_rare.inference.generation import load_generator
from lamost_rare.inference.predictor import load_classifier
from lamost_rare.networks.architectures import PAPER_RACNET, SHIPPED_RACNET
from lamost_rare.networks.attention import ChannelAttention
from lamost_rare.networks.build import build_network
from lamost_rare.networks.racnet import SUBSPACE, build_racnet, opinions
from lamost_rare.presets import PresetError, save_preset
from standin import CONFIG

SMALL = {"n_pixels": 256, "n_classes": 3, "block_channels": [8, 12], "template_units": 16}


def test_attention_is_the_eight_stages():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 30, 5)).astype("f4")
    layer = ChannelAttention()
    y = keras.ops.convert_to_numpy(layer(x))
    kernel, bias = (keras.ops.convert_to_numpy(w) for w in layer.dense.weights)
    pooled = np.concatenate([x.max(axis=1), x.mean(axis=1)], axis=1)  # stages 3 and 4
    weights = 1 / (1 + np.exp(-(pooled @ kernel + bias)))  # stage 5
    repeated = np.repeat(weights[:, None, :], 30, axis=1)  # stage 6
    np.testing.assert_allclose(y, x * repeated, rtol=1e-5, atol=1e-6)  # stages 7 and 8
    assert kernel.shape == (10, 5)


@pytest.mark.parametrize("convolutions", [1, 2])
def test_shapes_and_logits(convolutions):
    model = build_racnet({**SMALL, "convolutions": convolutions})
    x = np.random.default_rng(1).standard_normal((4, 256, 2)).astype("f4")
    assert model.predict_on_batch(x).shape == (4, 3)
    attention = [layer for layer in model.layers if isinstance(layer, ChannelAttention)]
    assert len(attention) == 2


def test_weights_survive_a_round_trip(tmp_path):
    one, other = build_racnet(SMALL), build_racnet(SMALL)
    x = np.random.default_rng(1).standard_normal((4, 256, 2)).astype("f4")
    assert np.abs(one.predict_on_batch(x) - other.predict_on_batch(x)).max() > 1e-3
    one.save_weights(tmp_path / "w.weights.h5")
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_allclose(one.predict_on_batch(x), other.predict_on_batch(x), atol=1e-6)


def test_logits_are_the_mean_of_two_opinions():
    model = build_racnet({**SMALL, "subspace": 6, "subspace_units": [8]})
    x = np.random.default_rng(1).standard_normal((4, 256, 2)).astype("f4")
    apart = opinions(model).predict_on_batch(x)
    assert [logits.shape for logits in apart] == [(4, 3), (4, 3)]
    assert np.abs(apart[0] - apart[1]).max() > 1e-3
    np.testing.assert_allclose(model.predict_on_batch(x), np.mean(apart, axis=0), atol=1e-5)
    assert not model.get_layer(SUBSPACE).trainable
    alone = build_racnet(SMALL)
    assert opinions(alone) is alone


def test_the_second_opinion_sees_a_spectrum_through_its_components():
    """What is orthogonal to them, for pixels of one worth, changes nothing for it."""
    model = build_racnet({**SMALL, "subspace": 6, "subspace_units": [8]})
    rng = np.random.default_rng(2)
    components = np.linalg.qr(rng.standard_normal((256, 7)))[0].astype("f4")
    model.get_layer(SUBSPACE).set_weights([components[:, :6]])
    x = np.full((3, 256, 2), 0.7, dtype="f4")
    x[:, :, 0] = rng.standard_normal(256)
    x[1, :, 0] += 5 * components[:, 6]
    x[2, :, 0] += 5 * components[:, 5]
    convolved, projected = opinions(model).predict_on_batch(x)
    np.testing.assert_allclose(projected[1], projected[0], atol=1e-4)
    assert np.abs(projected[2] - projected[0]).max() > 1e-2
    assert np.abs(convolved[1] - convolved[0]).max() > 1e-3


def test_attention_can_be_serialized():
    layer = ChannelAttention(name="here")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(again, ChannelAttention)
    assert again.name == "here"


def test_a_misspelt_key_is_an_error():
    with pytest.raises(ValueError, match="kernle"):
        build_racnet({**SMALL, "kernle": 3})


def test_an_architecture_without_a_name_means_the_first_network_of_its_role():
    assert build_network(SMALL).name == "racnet"
    small = {"channels": [2, 2, 2, 2], "noise_channels": [2, 2]}
    assert build_network(small, "generator").name == "lcgan"


@pytest.mark.parametrize(
    ("role", "known"), [("classifier", "racnet"), ("generator", "lcgan, sgan")]
)
@pytest.mark.parametrize("name", ["transformer", None, ["racnet"]])
def test_an_unknown_network_is_refused_by_name(role, known, name, tmp_path):
    architecture = {"network": name}
    with pytest.raises(ValueError, match=rf"^unknown network .*; known: {known}$"):
        build_network(architecture, role)
    weights = tmp_path / "w.weights.h5"
    weights.touch()
    config = {**CONFIG, "kind": role, "name": "other-v1", "architecture": architecture}
    preset = save_preset(tmp_path / "other-v1", config, weights)
    load = load_classifier if role == "classifier" else load_generator
    with pytest.raises(PresetError, match=rf"^preset 'other-v1': .*unknown network .*{known}$"):
        load(preset)


def test_shipped_networks_fit_a_wheel():
    for architecture in (SHIPPED_RACNET, PAPER_RACNET):
        assert build_racnet(architecture).count_params() * 4 < 6e6
