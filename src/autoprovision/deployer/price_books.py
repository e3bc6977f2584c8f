"""Reads price files: the platform's, and the one that a blueprint's folder may hold beside it."""

from pathlib import Path

from pydantic import ValidationError

from autoprovision.deployer.errors import InvalidCatalogError
from autoprovision.deployer.yaml_files import read_yaml
from autoprovision.domain.document import faults_of
from autoprovision.domain.price import PriceBook


def read_price_book(path: Path) -> PriceBook:
    """The price file.

    Raises:
        InvalidCatalogError: naming every fault.
    """
    try:
        return PriceBook.model_validate(read_yaml(path.read_bytes()).value)
    except ValidationError as error:
        faults = "; ".join(f"{one.pointer}: {one.detail}" for one in faults_of(error))
        raise InvalidCatalogError(f"{path.name} has faults: {faults}", "Mend them.") from error
    except ValueError as error:
        raise InvalidCatalogError(f"{path.name}: {error}", "Mend it.") from error


def with_own_prices(folder: Path, prices: PriceBook) -> PriceBook:
    """The prices, and those of the folder's own prices.yaml where it has one.

    Raises:
        InvalidCatalogError: the file has faults, or gives a known price another number.
    """
    path = folder / "prices.yaml"
    if not path.is_file():
        return prices
    own = read_price_book(path)
    if own.region != prices.region:
        raise InvalidCatalogError(
            f"{path.name} is of {own.region}, the platform's prices are of {prices.region}.",
            "Give the prices of that region.",
        )
    if other := sorted(
        name
        for name, one in own.prices.items()
        if name in prices.prices and prices.prices[name].cents != one.cents
    ):
        raise InvalidCatalogError(
            f"{path.name} gives {', '.join(other)} another number than the platform does.",
            "Leave out what the platform knows, or choose another name.",
        )
    return prices.model_copy(update={"prices": own.prices | prices.prices})
