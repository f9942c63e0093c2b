"""From sentences to arrays: vocabulary, pretrained vectors, batches."""
