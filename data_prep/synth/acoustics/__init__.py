"""Room acoustics: impulse responses, receivers, rendering to channel formats."""
