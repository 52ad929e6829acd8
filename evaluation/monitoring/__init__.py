"""What changes after training: drift of inputs and decisions, calibration, agreement with a teacher."""
