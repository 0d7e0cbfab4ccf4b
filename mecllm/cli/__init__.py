"""The command line: `mecllm solve | verify | figure | results | claims | sweep | train | bench`."""
