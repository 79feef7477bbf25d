console.log('memory-sink: not written yet');
