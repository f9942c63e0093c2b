"""Tag a column of texts with Spark.

The input is what Spark reads: a file, a folder or a URL of Parquet, JSON lines (--format json) or lines of text
(--format text --column value). The output is a folder of Parquet files.

    spark-submit docs/spark_tag.py en texts.parquet tagged.parquet
"""

from __future__ import annotations

import argparse

from pyspark.sql import SparkSession

from tagsmith.scale.spark import tag_dataframe


def main() -> None:
    """Read, tag, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model folder, or the name of a model: en, hf://OWNER/NAME")
    parser.add_argument("input")
    parser.add_argument("output", help="must not exist")
    parser.add_argument("--format", default="parquet", help="parquet, json, text, or another that Spark reads")
    parser.add_argument("--column", default="text", help="the column of the texts")
    given = parser.parse_args()

    spark = SparkSession.builder.appName("tagsmith").getOrCreate()
    texts = spark.read.load(given.input, format=given.format)
    tag_dataframe(texts, given.model, given.column).write.parquet(given.output)
    spark.stop()


if __name__ == "__main__":
    main()
