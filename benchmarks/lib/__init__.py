"""What several benchmarks use; nothing here is a command.

cost_model        what a training on several replicas sends and holds, in numbers
systems           a system's name -> its configuration and its model
forked            runs commands in forks of a process that has imported TensorFlow
own_process       calls a function in a process of its own
laboratory_flags  the flags of benchmarks that pre-train and evaluate encoders
model_table       a table of models by tasks
"""
