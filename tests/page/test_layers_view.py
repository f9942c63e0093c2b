"""One layer of a model of several, and a model that begins with another's network: what the page says of them."""

from __future__ import annotations

from accessibility import assert_accessible
from label_page import LabelPage, add
from playwright.sync_api import expect
from test_train_view import fact, versions

TEXT = "John lives in York .\n\nParis lives in London ."
LOST = "a version that is trained here does not have pos and ner."


def test_a_layer_of_several_is_labeled_and_the_page_says_what_its_versions_lack(open_desk, open_page, models):
    api = open_desk(models["all"], layer="chunk")
    ids = add(api, TEXT)
    own = LabelPage(open_page(f"{api.base_url}/#label"), api, ids)
    page = own.page
    expect(own.view.locator(".note")).to_have_text(f"You label the layer chunk; {LOST}")
    expect(own.view.locator(".counts")).to_contain_text("all scored")
    expect(own.view.get_by_role("group", name="Labels").get_by_role("button")).to_have_text(["1X", "2Y"])
    own.press("Home", "2", "Enter")
    own.counts(1, accepted=1)
    assert_accessible(page)

    page.get_by_role("link", name="Train", exact=True).click()
    expect(fact(page, "Layer")).to_have_text("chunk alone: the new version does not have pos and ner")
    expect(fact(page, "Labels").locator("span")).to_have_text(["X", "Y"])
    expect(fact(page, "Starts from")).to_have_text("the original model, which is in service")
    assert_accessible(page)

    page.get_by_role("link", name="Tag", exact=True).click()
    expect(page.get_by_label("Layer").locator("option")).to_have_text(["pos", "ner", "chunk"])


def test_where_a_model_lends_its_network_the_page_says_so(open_desk, open_page, models):
    api = open_desk(None, ("X", "PLANT"), start=models["all"])
    page = open_page(f"{api.base_url}/#train")
    expect(fact(page, "Starts from")).to_have_text(f"the network of {models['all']}: there is no model in service")
    expect(versions(page)).to_contain_text("No model is in service yet.")
    expect(page.locator("dt", has_text="Layer")).to_have_count(0)
    add(api, TEXT)
    page.get_by_role("link", name="Label", exact=True).click()
    told = f"Until there is a model of your own, {models['all']} suggests X: label some sentences"
    expect(page.locator(".note")).to_contain_text(told)
    expect(page.locator(".meta")).to_contain_text(f"Suggested by {models['all']}")
