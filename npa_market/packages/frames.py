"""Arrow tables as pandas frames with one set of types: nullable integers, dates as datetime64."""

from typing import Any

import pandas as pd
import pyarrow as pa

_NULLABLE = {
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def as_frame(table: pa.Table) -> pd.DataFrame:
    """Columns that may be null become nullable pandas types, all others plain numpy ones."""
    columns: dict[str, Any] = {}
    for field in table.schema:
        column = table.column(field.name)
        if field.nullable and field.type in _NULLABLE:
            columns[field.name] = column.to_pandas(types_mapper=_NULLABLE.get)
        else:
            columns[field.name] = column.to_pandas(date_as_object=False)
    return pd.DataFrame(columns)
